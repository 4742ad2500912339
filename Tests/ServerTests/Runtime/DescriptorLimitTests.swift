import Glibc
import Testing

@testable import Server

@Suite struct DescriptorLimitTests {
    @Test("the soft limit becomes the hard one")
    func raised() {
        let limit = DescriptorLimit.raise()
        var now = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &now) == 0)
        #expect(now.rlim_cur == now.rlim_max)
        #expect(limit == Int(clamping: now.rlim_cur))
    }

    @Test("connections leave a node the descriptors that it needs itself")
    func connections() {
        for (limit, connections) in [
            (1 << 20, 4096), (4096 + 256, 4096), (4096, 3840), (1024, 768), (512, 256), (100, 50),
        ] {
            #expect(DescriptorLimit.connections(wanted: 4096, limit: limit) == connections, "\(limit)")
        }
        #expect(DescriptorLimit.connections(wanted: 4096, limit: nil) == 4096)
    }
}
