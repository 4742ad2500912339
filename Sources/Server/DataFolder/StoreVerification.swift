import Engines
import Glibc

/// Reads a store that may be what ended the last process, where that can end none but a child.
public struct StoreVerification: Sendable {
    public enum Verdict: Sendable, Equatable {
        /// It can be read from one end to the other. Damaged records are met and mended one by one.
        case readable
        case unreadable(String)
        /// It could not be tried, or failed for another reason than what is in the store. Opening it says why.
        case unknown(String)
    }

    /// The store is closed meanwhile.
    let verdict: @Sendable (_ engine: EngineKind, _ path: String) -> Verdict

    init(_ verdict: @escaping @Sendable (_ engine: EngineKind, _ path: String) -> Verdict) {
        self.verdict = verdict
    }

    /// What the child ends with where the store is damaged (`EX_DATAERR`).
    private static let damagedStatus: Int32 = 65

    /// By `program store verify ENGINE PATH`, which ends with 0 or 1 where the store can be read.
    public init(program: String) {
        self.init { engine, path in Self.run(program, ["store", "verify", engine.rawValue, path]) }
    }

    private static func run(_ program: String, _ arguments: [String]) -> Verdict {
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
        words.append(nil)
        // What may be needed to find the program's libraries.
        var variables: [UnsafeMutablePointer<CChar>?] = []
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let value = getenv(name) { variables.append(strdup("\(name)=\(String(cString: value))")) }
        }
        variables.append(nil)
        defer { for text in words + variables { free(text) } }
        var child: pid_t = 0
        let failure = posix_spawn(&child, program, nil, nil, &words, &variables)
        guard failure == 0 else {
            return .unknown("\(program) cannot be run: \(String(cString: strerror(failure)))")
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        // wait(2): WIFSIGNALED and WEXITSTATUS, which are macros.
        let signal = status & 0x7F
        if signal != 0 {
            // SIGXCPU: it would go on for ever.
            let isFault = [SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGTRAP, SIGFPE, SIGXCPU].contains(signal)
            let reason = "reading it ends a process by signal \(signal)"
            return isFault ? .unreadable(reason) : .unknown(reason)
        }
        switch status >> 8 & 0xFF {
        case 0, 1: return .readable
        case damagedStatus: return .unreadable("its files are damaged")
        case let code: return .unknown("reading it ends with exit code \(code)")
        }
    }
}
