import NIOCore
import Node
import Versions

/// One application's client: it does one thing after the other, remembers what it read, and is not always careful.
struct VirtualClient {
    /// What a read (or a put that returned the object) showed of a key.
    struct Sighting {
        let context: ByteBuffer?
        let shown: DotSet
        /// The writes whose values it showed.
        let writes: [Int]
        /// What the application made of the siblings.
        let items: [UInt32]
    }

    let number: Int
    /// The node that it usually talks to.
    var home: Int
    /// The operation that it waits for.
    var waiting: Int?
    var operationsLeft: Int
    /// By key: what it saw, the newest last.
    var sightings: [[Sighting]]
    /// The key that it has just read and is about to write.
    var inHand: Int?
    /// By key: how often it has counted.
    var counted: [UInt32]

    init(number: Int, home: Int, operations: Int, keys: Int) {
        self.number = number
        self.home = home
        operationsLeft = operations
        sightings = Array(repeating: [], count: keys)
        counted = Array(repeating: 0, count: keys)
    }

    mutating func remember(_ sighting: Sighting, of key: Int) {
        sightings[key].append(sighting)
        if sightings[key].count > 4 { sightings[key].removeFirst() }
    }

    /// What it knows of a key; so many times in a thousand not the newest.
    func sighting(of key: Int, stalePermille: Int, _ generator: inout SeededGenerator) -> Sighting? {
        guard let newest = sightings[key].last else { return nil }
        return generator.chance(stalePermille) ? generator.pick(sightings[key]) : newest
    }
}
