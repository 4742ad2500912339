import Engines
import NIOCore
import Node
import Placement
import Testing
import Versions

@testable import Storage

@Suite struct SurveyTests {
    private static let names: [ByteBuffer] = ["", "a", "a\0", "\0\u{1}", "\0", "\u{7f}\0\0b"].map {
        ByteBuffer(string: $0)
    }

    @Test("an object's key is read back from where its record stands, zero bytes included")
    func keys() throws {
        for type in Self.names {
            for bucket in Self.names {
                for key in Self.names {
                    let objectKey = ObjectKey(type: type, bucket: bucket, key: key)
                    let record = RecordKey.object(objectKey, partition: 513)
                    let read = try #require(RecordKey.object(in: record))
                    #expect(read.0 == objectKey && read.partition == 513)
                }
            }
        }
    }

    @Test("what is no object's key is none, however it was cut short")
    func badKeys() throws {
        let whole = RecordKey.object(ObjectKey(type: "t", bucket: "b\0", key: ""), partition: 1)
        for length in 0..<whole.readableBytes {
            #expect(RecordKey.object(in: try #require(whole.getSlice(at: 0, length: length))) == nil, "\(length) bytes")
        }
        #expect(RecordKey.object(in: RecordKey.metadata("births")) == nil)
    }

    @Test("a survey counts objects, siblings, deletes and types, and names what is damaged")
    func counts() throws {
        let engine = FailingEngine()
        let fixture = try StoreFixture(engine)
        let keys = ["one", "two", "gone", "bad"].map { StoreFixture.key($0) }
        _ = try fixture.put("1", to: keys[0])
        _ = try fixture.put("2", to: keys[1])
        _ = try fixture.put("also 2", to: keys[1])
        let gone = try fixture.put("3", to: keys[2])
        let delete = Mint(
            content: Content(), isTombstone: true, context: gone.context(),
            now: HybridTime(milliseconds: 1_700_000_000_001), policy: .siblings)
        fixture.perform(StoreFixture.request(.mint(delete, by: StoreFixture.minter, .beforeAnswer), keys[2]))
        _ = try fixture.put("4", to: keys[3])
        let record = RecordKey.object(keys[3], partition: 3)
        var bytes = try #require(try engine.value(of: record))
        bytes.setInteger((bytes.getInteger(at: 20, as: UInt8.self) ?? 0) ^ 1, at: 20)
        try engine.overwrite(record, with: bytes)

        var progress: [Int] = []
        let survey = try StoreSurvey(of: engine) { progress.append($0) }
        #expect(survey.objects == 3 && survey.conflicting == 1 && survey.deleted == 1)
        #expect(survey.types == ["default": 3] && survey.partitions == 1)
        #expect(survey.damaged == 1)
        #expect(survey.damages == [StoreSurvey.Damage(key: "\(keys[3])", reason: "wrong checksum")])
        #expect(survey.ownRecords == 1, "the births")
        #expect(progress.last == survey.objects + survey.damaged + survey.ownRecords)
    }
}
