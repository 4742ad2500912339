import Testing

@testable import Versions

@Suite("Tags")
struct TagTests {
    @Test("a tag is the same for the same versions, another for others, and eleven letters or digits")
    func tags() {
        var tags: [String: [Dot]] = [:]
        for seed in 0..<2_000 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            let object = EncodingTests.randomObject(&random)
            let dots = object.siblings.map(\.dot)
            #expect(tags[object.tag, default: dots] == dots, "seed \(seed)")
            tags[object.tag] = dots
            for sibling in object.siblings {
                #expect(tags[sibling.tag, default: [sibling.dot]] == [sibling.dot], "seed \(seed)")
                tags[sibling.tag] = [sibling.dot]
            }
            #expect(object.tag.utf8.count == 11)
            #expect(object.tag.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
            if object.siblings.count == 1 { #expect(object.tag == object.siblings[0].tag) }
        }
    }

    @Test("tags never change from one version of the program to another")
    func golden() throws {
        var node = Replica(node: 7)
        let object = try node.put("whatever", context: nil).object
        #expect(object.tag == "Lu4BEhdYsbP")
    }
}
