/// Columns of text, as wide as they need to be.
struct TextTable {
    private var rows: [[String]] = []

    mutating func add(_ cells: String...) {
        rows.append(cells)
    }

    mutating func add(cells: [String]) {
        rows.append(cells)
    }

    /// Lines without blanks at their ends.
    func lines(indent: Int = 0) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = String(repeating: " ", count: indent)
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}

extension Int {
    /// `1.5 MiB`.
    var asBytes: String {
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
        var (value, unit) = (Double(self), 0)
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        if unit == 0 { return self == 1 ? "1 byte" : "\(self) bytes" }
        return "\((value * 10).rounded() / 10) \(units[unit])"
    }
}
