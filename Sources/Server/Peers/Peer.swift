import NIOCore
import Placement

/// One other member as the network keeps it: the link to it, or the attempt to make one.
final class Peer: @unchecked Sendable {
    // Unchecked: touched on the network's event loop only.
    enum Dial {
        case idle
        case waiting(Scheduled<Void>)
        /// The connection is being made.
        case connecting
        /// Our hello is on its way.
        case greeting(PeerLink)
    }

    let id: MemberID
    let name: String
    let address: NetworkAddress
    var link: PeerLink?
    var dial = Dial.idle
    /// There was a link, or an attempt to make one that failed.
    var isTried = false
    /// Dials that failed since the last link.
    var failures = 0
    /// Whether the log has been told that it cannot be reached.
    var isReportedUnreachable = false
    /// Messages that were not sent, of links that are gone.
    var droppedMessages = 0

    init(_ member: PeerAddress) {
        id = member.id
        name = member.name
        address = member.address
    }

    var greeting: PeerLink? {
        if case .greeting(let link) = dial { link } else { nil }
    }

    func cancelDial(_ reason: String) {
        switch dial {
        case .idle, .connecting: break
        case .waiting(let scheduled): scheduled.cancel()
        case .greeting(let link): link.close(reason)
        }
        dial = .idle
    }
}
