import Glibc

/// One line of a plot.
struct PlotSeries {
    var name: String
    /// Classes of the page's style sheet: the colour of an engine, the dashes of a write path.
    var style: String
    var points: [Point]

    struct Point {
        var x: Double
        var y: Double
        /// What a pointer that rests on it, or a reader, is told.
        var label: String
    }
}

/// One axis: where its marks are, and what stands at them.
struct PlotAxis {
    var title: String
    var isLogarithmic: Bool
    var bounds: ClosedRange<Double>
    var marks: [(value: Double, text: String)]

    /// From 0 to 1.
    func place(_ value: Double) -> Double {
        let (low, high) = (scaled(bounds.lowerBound), scaled(bounds.upperBound))
        return high > low ? min(max((scaled(value) - low) / (high - low), 0), 1) : 0.5
    }

    private func scaled(_ value: Double) -> Double {
        isLogarithmic ? log10(max(value, 1e-12)) : value
    }

    /// A logarithmic axis over the values, from one decade to another.
    static func decades(_ title: String, over values: [Double], text: (Double) -> String) -> PlotAxis {
        let positive = values.filter { $0 > 0 }
        let low = floor(log10(positive.min() ?? 1))
        let high = max(low + 1, ceil(log10(positive.max() ?? 10)))
        return PlotAxis(
            title: title, isLogarithmic: true, bounds: pow(10, low)...pow(10, high),
            marks: stride(from: low, through: high, by: 1).map { (pow(10, $0), text(pow(10, $0))) })
    }

    /// From 0 to the highest value, with marks at round numbers.
    static func linear(_ title: String, over values: [Double], text: (Double) -> String) -> PlotAxis {
        let top = max(values.max() ?? 1, 1e-9)
        let power = pow(10, floor(log10(top)))
        let step = [0.2, 0.5, 1, 2].map { $0 * power }.first { top / $0 <= 6 } ?? 2 * power
        return PlotAxis(
            title: title, isLogarithmic: false, bounds: 0...top,
            marks: stride(from: 0, through: top, by: step).map { ($0, text($0)) })
    }
}

/// A line plot as inline SVG, which takes its colours from the page's style sheet.
struct SVGPlot {
    /// Unique in the page.
    var identifier: String
    var title: String
    /// The plot in words.
    var description: String
    var x: PlotAxis
    var y: PlotAxis
    var series: [PlotSeries]
    /// Where the points are few enough to be seen one by one.
    var showsPoints: Bool

    private static let width = 520.0
    private static let height = 320.0
    private static let left = 76.0
    private static let right = 30.0
    private static let top = 12.0
    private static let bottom = 46.0

    var text: String {
        var lines = [
            """
            <svg viewBox="0 0 \(Self.width.short) \(Self.height.short)" role="img" \
            aria-labelledby="\(identifier)-t \(identifier)-d">
            """,
            "<title id=\"\(identifier)-t\">\(title.escaped)</title>",
            "<desc id=\"\(identifier)-d\">\(description.escaped)</desc>",
        ]
        lines += axisLines
        for series in series { lines += self.lines(of: series) }
        lines.append("</svg>")
        return lines.joined(separator: "\n")
    }

    private func across(_ value: Double) -> Double {
        Self.left + x.place(value) * (Self.width - Self.left - Self.right)
    }

    private func down(_ value: Double) -> Double {
        Self.height - Self.bottom - y.place(value) * (Self.height - Self.top - Self.bottom)
    }

    private var axisLines: [String] {
        let floor = Self.height - Self.bottom, end = Self.width - Self.right
        var lines: [String] = []
        for mark in y.marks {
            let place = down(mark.value)
            lines.append(grid(from: (Self.left, place), to: (end, place)))
            lines.append(label(mark.text, x: Self.left - 8, y: place + 4, anchor: "end"))
        }
        for mark in x.marks {
            let place = across(mark.value)
            lines.append(grid(from: (place, Self.top), to: (place, floor)))
            lines.append(label(mark.text, x: place, y: floor + 18, anchor: "middle"))
        }
        lines.append(label(x.title, x: (Self.left + end) / 2, y: Self.height - 8, anchor: "middle", style: "axis"))
        let middle = (Self.top + floor) / 2
        lines.append(
            """
            <text class="axis" text-anchor="middle" transform="translate(14 \(middle.short)) rotate(-90)">\
            \(y.title.escaped)</text>
            """)
        return lines
    }

    private func grid(from start: (x: Double, y: Double), to end: (x: Double, y: Double)) -> String {
        """
        <line class="grid" x1="\(start.x.short)" y1="\(start.y.short)" x2="\(end.x.short)" y2="\(end.y.short)"/>
        """
    }

    private func lines(of series: PlotSeries) -> [String] {
        let path = series.points.enumerated().map { index, point in
            "\(index == 0 ? "M" : "L")\(across(point.x).short) \(down(point.y).short)"
        }
        var lines = [
            "<path class=\"line \(series.style)\" d=\"\(path.joined())\"><title>\(series.name.escaped)</title></path>"
        ]
        if showsPoints {
            lines += series.points.map { point in
                """
                <circle class="dot \(series.style)" cx="\(across(point.x).short)" cy="\(down(point.y).short)" r="3.5">\
                <title>\(point.label.escaped)</title></circle>
                """
            }
        }
        return lines
    }

    private func label(_ text: String, x: Double, y: Double, anchor: String, style: String = "mark") -> String {
        """
        <text class="\(style)" x="\(x.short)" y="\(y.short)" text-anchor="\(anchor)">\(text.escaped)</text>
        """
    }
}

extension Double {
    /// With one digit behind the point at most.
    var short: String {
        let rounded = (self * 10).rounded() / 10
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)"
    }

    /// With three digits that count, thousands as `k`: `1.23M`, `45.6k`, `789`, `0.123`.
    var digits: String {
        switch abs(self) {
        case 1e9...: "\((self / 1e9).threeDigits)G"
        case 1e6...: "\((self / 1e6).threeDigits)M"
        case 1e4...: "\((self / 1e3).threeDigits)k"
        default: threeDigits
        }
    }

    private var threeDigits: String {
        guard self != 0, isFinite else { return "0" }
        let places = max(0, 2 - Int(floor(log10(abs(self)))))
        let scale = pow(10, Double(min(places, 3)))
        let rounded = (self * scale).rounded() / scale
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }

    /// Microseconds as people say them.
    var asTime: String {
        switch self {
        case 1e6...: "\((self / 1e6).digits) s"
        case 1e3...: "\((self / 1e3).digits) ms"
        default: "\(digits) µs"
        }
    }
}

extension String {
    /// For HTML's text and attributes.
    var escaped: String {
        var result = ""
        for character in self {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }
}
