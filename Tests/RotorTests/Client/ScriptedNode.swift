import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import RotorClient

/// A listener that answers each request with the same bytes, or hangs up, and counts what it was asked.
final class ScriptedNode: Sendable {
    enum Behaviour: Sendable {
        case answers(String)
        /// Reads the whole request, then closes the connection.
        case hangsUp
        /// Reads, and says nothing.
        case isSilent
    }

    let endpoint: Endpoint
    private let channel: any Channel
    private let seen: NIOLockedValueBox<[String]>

    /// The first line of each request, in the order in which they came.
    var requests: [String] { seen.withLockedValue { $0 } }

    init(_ behaviour: Behaviour) async throws {
        let seen = NIOLockedValueBox<[String]>([])
        channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(behaviour, seen))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.seen = seen
        endpoint = Endpoint(host: "127.0.0.1", port: channel.localAddress?.port ?? 0)
    }

    func close() async throws {
        try await channel.close()
    }

    /// With the length that the body has.
    static func answer(_ status: String, _ headers: String..., body: String = "") -> Behaviour {
        let lines =
            ["HTTP/1.1 \(status)"] + headers + (status.hasPrefix("204") ? [] : ["Content-Length: \(body.utf8.count)"])
        return .answers(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let behaviour: Behaviour
        private let seen: NIOLockedValueBox<[String]>
        private var text = ""

        init(_ behaviour: Behaviour, _ seen: NIOLockedValueBox<[String]>) {
            self.behaviour = behaviour
            self.seen = seen
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: Self.unwrapInboundIn(data))
            guard let end = text.range(of: "\r\n\r\n"), let line = text.split(separator: "\r\n").first else { return }
            let length =
                text.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
                .flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
            guard text[end.upperBound...].utf8.count >= length else { return }
            seen.withLockedValue { $0.append(String(line)) }
            text = ""
            switch behaviour {
            case .answers(let answer):
                context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
            case .hangsUp: context.close(promise: nil)
            case .isSilent: break
            }
        }
    }
}
