import Engines

/// Where clients send puts and hear of their ends: the writer thread, or a test's stand-in.
protocol PutPort {
    associatedtype Failure: Error
    /// Begins an operation for a client. True where it has ended already: a get.
    mutating func begin(client: Int) throws -> Bool
    /// Waits for an operation's end, but no longer than until `moment` where there is one, and adds to `ended` the
    /// clients whose operations have ended.
    mutating func wait(until moment: UInt64?, ended: inout [Int]) throws(Failure)
}

/// Clients of which each waits for its own operation, on one thread: as an event loop of the server has them, to which
/// the ends of a group of puts come together.
struct PutClients<Clock: BenchClock, Port: PutPort> {
    let clock: Clock
    let clients: Int
    /// Nil: a client begins when its operation before has ended. Otherwise an operation waits for a free client, if
    /// there is none when it should begin, and that wait counts.
    var pace: Pace?
    let deadline: UInt64
    /// How many operations at most.
    var limit = Int.max
    var recorder: LatencyRecorder
    var port: Port

    mutating func run() throws {
        var begins = [UInt64](repeating: 0, count: clients)
        var free = Array((0..<clients).reversed())
        var ended: [Int] = []
        var begun = 0
        var intended = pace?.next()
        while true {
            var now = clock.now()
            // At least one, however late the thread came to run.
            while let client = free.last, begun < limit, now < deadline || begun == 0, (intended ?? now) <= now {
                let begin = intended ?? now
                begins[client] = begin
                begun += 1
                let hasEnded = try port.begin(client: client)
                if !hasEnded { free.removeLast() }
                intended = pace?.next()
                guard hasEnded || intended != nil else { continue }
                now = clock.now()
                if hasEnded { recorder.record(now - begin, at: now) }
            }
            let isOver = begun >= limit || now >= deadline && begun > 0
            if free.count == clients {
                if isOver || (intended ?? 0) >= deadline { break }
                if let intended { clock.wait(until: intended) }
                continue
            }
            // What is under way ends, also after the deadline.
            try port.wait(until: isOver || free.isEmpty ? nil : intended, ended: &ended)
            now = clock.now()
            for client in ended { recorder.record(now - begins[client], at: now) }
            free.append(contentsOf: ended)
            ended.removeAll(keepingCapacity: true)
        }
        recorder.finish()
    }
}
