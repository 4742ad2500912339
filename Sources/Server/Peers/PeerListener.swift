import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Where other members reach this node. It is bound before anything of the node begins, so that a port in use costs
/// nothing, and accepts when the links are there: connections made meanwhile wait in the system's queue.
final class PeerListener: Sendable {
    /// With the port that the system chose, where 0 was asked for.
    let address: NetworkAddress
    private let channel: any Channel
    private let network: NIOLockedValueBox<PeerNetwork?>

    /// - Throws: ``ListenError``.
    init(bindTo address: NetworkAddress, loop: any EventLoop, settings: PeerSettings) async throws {
        let network = NIOLockedValueBox<PeerNetwork?>(nil)
        let bootstrap = ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: settings.waterMark)
            .childChannelOption(.maxMessagesPerRead, value: 16)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let network = network.withLockedValue({ $0 }) else { throw ChannelError.ioOnClosedChannel }
                    let link = PeerLink(network: network, settings: settings, dialedTo: nil)
                    try channel.pipeline.syncOperations.addHandler(link)
                }
            }
        do {
            channel = try await bootstrap.bind(host: address.host, port: address.port).get()
        } catch {
            throw ListenError(door: "cluster", address: address, cause: error)
        }
        self.network = network
        self.address = NetworkAddress(host: address.host, port: channel.localAddress?.port ?? address.port)
    }

    /// Accepts connections from now on.
    func open(to network: PeerNetwork) {
        self.network.withLockedValue { $0 = network }
        channel.setOption(.autoRead, value: true).whenSuccess { [channel] in channel.read() }
    }

    func close() -> EventLoopFuture<Void> {
        network.withLockedValue { $0 = nil }
        channel.close(promise: nil)
        return channel.closeFuture
    }
}

extension PeerSettings {
    var waterMark: ChannelOptions.Types.WriteBufferWaterMark {
        .init(low: maximumUnsentBytes / 2, high: maximumUnsentBytes)
    }
}
