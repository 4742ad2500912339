import FoundationEssentials
import Glibc

/// What the process uses, as Linux tells it. Of all nodes in it together.
struct ProcessFigures: Sendable {
    var residentBytes: Int
    var openFiles: Int
    var maximumFiles: Int
    var processorSeconds: Double
    /// Since 1970.
    var startSeconds: Double

    /// Nil where `/proc` cannot be read. No disk is asked.
    static func read() -> ProcessFigures? {
        guard let stat = text("/proc/self/stat"), let memory = text("/proc/self/statm"),
            let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        else { return nil }
        let pages = memory.split(separator: " ")
        guard pages.count > 1, let resident = Int(pages[1]), let startTicks = startTicks(stat: stat) else { return nil }
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        // Of hundredths: the clocks are not read at one moment, and the start is not to move with every look.
        let started =
            seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME)
            + Double(startTicks) / Double(max(1, sysconf(CInt(_SC_CLK_TCK))))
        return ProcessFigures(
            residentBytes: resident * sysconf(CInt(_SC_PAGESIZE)),
            // One of them is the folder that is being read.
            openFiles: max(0, files.count - 1), maximumFiles: Int(clamping: limit.rlim_cur),
            processorSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            startSeconds: (started * 100).rounded() / 100)
    }

    /// Field 22 of `/proc/PID/stat`; the name before it stands in parentheses and may hold blanks.
    static func startTicks(stat: String) -> Int? {
        guard let close = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: close)...].split(separator: " ")
        return fields.count > 19 ? Int(fields[19]) : nil
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
