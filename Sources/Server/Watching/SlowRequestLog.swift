import Logging
import NIOConcurrencyHelpers
import NIOCore
import Node
import Placement
import RiakWire

/// One warning for each request that took too long; so many lines in ten seconds, then a count of those left out.
///
/// It shows keys, which are the clients', escaped and cut; never values.
final class SlowRequestLog: Sendable {
    /// Bytes shown of a name.
    static let shownBytes = 64

    private let threshold: TimeAmount?
    private let logger: Logger
    private let lines: NIOLockedValueBox<LineLimiter>

    /// - Parameter milliseconds: What is slow; 0: nothing is.
    init(milliseconds: Int, logger: Logger, lines: LineLimiter = LineLimiter(lines: 20, span: .seconds(10))) {
        threshold = milliseconds > 0 ? .milliseconds(Int64(milliseconds)) : nil
        self.logger = logger
        self.lines = NIOLockedValueBox(lines)
    }

    func concerns(_ duration: TimeAmount) -> Bool {
        threshold.map { duration >= $0 } ?? false
    }

    func write(
        _ verb: RequestVerb, _ key: ObjectKey, _ duration: TimeAmount, _ outcome: RequestOutcome, _ reply: ClientReply
    ) {
        guard let addition = lines.withLockedValue({ $0.admit() }) else { return }
        var metadata: Logger.Metadata = [
            "kind": "\(verb.label)", "bucket-type": "\(Self.shown(key.type))", "bucket": "\(Self.shown(key.bucket))",
            "key": "\(Self.shown(key.key))", "ms": "\(duration.nanoseconds / 1_000_000)",
            "outcome": "\(outcome.label)",
        ]
        if case .failed(let failure) = reply {
            metadata["reason"] = "\(FailureReason(failure).rawValue)"
            if let (kind, needed, got) = failure.shortfall {
                metadata["quorum"] = "\(kind.rawValue)"
                metadata["needed"] = "\(needed)"
                metadata["got"] = "\(got)"
            }
        }
        logger.warning("slow request\(addition)", metadata: metadata)
    }

    /// As in a path, so that it can be copied into one; a client's bytes must not break a line.
    static func shown(_ name: ByteBuffer) -> String {
        guard name.readableBytes > shownBytes, let beginning = name.getSlice(at: name.readerIndex, length: shownBytes)
        else { return PercentCoding.encoded(name) }
        return PercentCoding.encoded(beginning) + "…(\(name.readableBytes) bytes)"
    }
}
