import NIOConcurrencyHelpers
import NIOCore

/// Hands elements from any thread to an event loop, all that have come since the last time in one call: one wake-up of
/// the loop a batch.
final class LoopInbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isScheduled = false
        var isClosed = false
    }

    private let loop: any EventLoop
    private let state = NIOLockedValueBox(State())
    private let receive: @Sendable ([Element]) -> Void

    /// - Parameter receive: Called on the loop.
    init(loop: any EventLoop, receive: @escaping @Sendable ([Element]) -> Void) {
        self.loop = loop
        self.receive = receive
    }

    /// False where it is closed: the element is not taken.
    func put(_ element: Element) -> Bool {
        put { $0.append(element) }
    }

    func put(contentsOf elements: [Element]) -> Bool {
        elements.isEmpty || put { $0.append(contentsOf: elements) }
    }

    private func put(_ add: (inout [Element]) -> Void) -> Bool {
        let (taken, first) = state.withLockedValue { state in
            guard !state.isClosed else { return (false, false) }
            add(&state.elements)
            defer { state.isScheduled = true }
            return (true, !state.isScheduled)
        }
        if first { loop.execute { self.deliver() } }
        return taken
    }

    private func deliver() {
        let elements = state.withLockedValue { state in
            state.isScheduled = false
            var elements: [Element] = []
            swap(&elements, &state.elements)
            return elements
        }
        if !elements.isEmpty { receive(elements) }
    }

    /// Takes nothing from now on. What was taken is still delivered.
    func close() {
        state.withLockedValue { $0.isClosed = true }
    }
}
