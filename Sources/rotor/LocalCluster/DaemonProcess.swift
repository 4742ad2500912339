import Foundation
import Glibc
import NIOConcurrencyHelpers

/// A daemon of this same program in a process of its own, its output in a file.
///
/// It outlives a parent that is killed with SIGKILL. prctl(2) could end it then (PR_SET_PDEATHSIG), but takes for its
/// parent the thread that started it, and those of Swift's pool come and go.
final class DaemonProcess: Sendable {
    enum Ending: Equatable, Sendable, CustomStringConvertible {
        case exited(Int32)
        case signalled(Int32)

        var description: String {
            switch self {
            case .exited(let code): "exit code \(code)"
            case .signalled(let signal): "signal \(signal)"
            }
        }
    }

    private struct State {
        var ending: Ending?
        var waiting: [CheckedContinuation<Ending, Never>] = []
    }

    let name: String
    let identifier: pid_t
    let logPath: String
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - program: Path of the executable.
    ///   - logPath: What it says is added to the end of this file.
    init(name: String, program: String, arguments: [String], logPath: String) throws(CommandFailure) {
        self.name = name
        self.logPath = logPath
        identifier = try Self.spawn(program, arguments, logPath)
        // A thread of its own: `waitid` blocks until the end.
        Thread.detachNewThread { [self] in reap() }
    }

    /// Sends a signal, unless the process has ended: its number may be another's by then.
    func signal(_ signal: Int32) {
        state.withLockedValue { state in
            if state.ending == nil { kill(identifier, signal) }
        }
    }

    var ending: Ending? { state.withLockedValue { $0.ending } }

    /// Returns when it has ended.
    @discardableResult
    func ended() async -> Ending {
        await withCheckedContinuation { continuation in
            let known = state.withLockedValue { state -> Ending? in
                if state.ending == nil { state.waiting.append(continuation) }
                return state.ending
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    /// The last lines of what it said.
    func logTail(lines count: Int) -> [String] {
        guard let data = FileManager.default.contents(atPath: logPath) else { return [] }
        return String(decoding: data.suffix(64 << 10), as: UTF8.self).split(separator: "\n").suffix(count).map(
            String.init)
    }

    private func reap() {
        var information = siginfo_t()
        // The number stays taken until `waitpid`, under the lock, so that `signal` never meets another process.
        while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let (ending, waiting) = state.withLockedValue { state in
            var status: CInt = 0
            while waitpid(identifier, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7f
            let ending = signal == 0 ? Ending.exited(status >> 8 & 0xff) : .signalled(signal)
            state.ending = ending
            defer { state.waiting = [] }
            return (ending, state.waiting)
        }
        for continuation in waiting { continuation.resume(returning: ending) }
    }

    private static func spawn(
        _ program: String, _ arguments: [String], _ logPath: String
    ) throws(CommandFailure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, logPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own: Ctrl-C reaches the parent alone, which ends its daemons in the order it wants.
        posix_spawnattr_setpgroup(&attributes, 0)
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&defaults, signal) }
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF))

        let words = ([program] + arguments).map { strdup($0) }
        // What the user set for a daemon of their own would override what this one is told.
        let environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("ROTOR_") }
        let variables = environment.map { strdup("\($0.key)=\($0.value)") }
        defer { for word in words + variables { free(word) } }
        var identifier = pid_t()
        let code = posix_spawn(&identifier, program, &actions, &attributes, words + [nil], variables + [nil])
        guard code == 0 else {
            throw CommandFailure(.inputOutput, "cannot start '\(program)': \(String(cString: strerror(code)))")
        }
        return identifier
    }
}

/// Where this program itself lies.
enum RunningProgram {
    static func path() throws(CommandFailure) -> String {
        do {
            return try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        } catch {
            throw CommandFailure(.inputOutput, "cannot find this program's own file: \(error)")
        }
    }
}
