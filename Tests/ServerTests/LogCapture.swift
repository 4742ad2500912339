import Logging
import NIOConcurrencyHelpers

/// Keeps what is logged, and lets a test wait for a line.
final class LogCapture: Sendable {
    private struct Waiter {
        let id: Int
        let text: String
        /// Such lines that do not count.
        var skipped: Int
        let continuation: CheckedContinuation<String, Never>
    }

    private struct State {
        var lines: [String] = []
        var waiters: [Waiter] = []
        var lastWaiter = 0
    }

    private let state = NIOLockedValueBox(State())

    var lines: [String] { state.withLockedValue { $0.lines } }

    /// The number of lines that hold `text`.
    func count(of text: String) -> Int { lines.count { $0.contains(text) } }

    /// The first line that holds `text`, of those after the first `skipped` such lines; waits until there is one. A
    /// test that is cancelled, as its time is over, waits no longer and gets what is no line.
    @discardableResult
    func line(with text: String, after skipped: Int = 0) async -> String {
        let id = state.withLockedValue { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let found = state.withLockedValue { state -> String? in
                    let matching = state.lines.filter { $0.contains(text) }
                    if matching.count > skipped { return matching[skipped] }
                    if Task.isCancelled { return "cancelled" }
                    state.waiters.append(
                        Waiter(id: id, text: text, skipped: skipped - matching.count, continuation: continuation))
                    return nil
                }
                if let found { continuation.resume(returning: found) }
            }
        } onCancel: {
            let waiter = state.withLockedValue { state in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume(returning: "cancelled")
        }
    }

    func add(_ line: String) {
        let told = state.withLockedValue { state in
            state.lines.append(line)
            var told: [Waiter] = []
            for index in state.waiters.indices where line.contains(state.waiters[index].text) {
                if state.waiters[index].skipped == 0 { told.append(state.waiters[index]) }
                state.waiters[index].skipped -= 1
            }
            state.waiters.removeAll { $0.skipped < 0 }
            return told
        }
        for waiter in told { waiter.continuation.resume(returning: line) }
    }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(capture: self) }
        logger.logLevel = .debug
        return logger
    }

    private struct Handler: LogHandler {
        let capture: LogCapture
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            capture.add("\(event.level) \(event.message) \(pairs.joined(separator: " "))")
        }
    }
}
