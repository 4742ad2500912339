// swift-tools-version: 6.2
import PackageDescription

/// `ROTOR_CORE=1` leaves the HTTP, TLS and command line targets and their packages out of the manifest, so that the
/// core and its tests build from nothing in a minute or two.
let coreOnly = Context.environment["ROTOR_CORE"] != nil

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")

var dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2")
]

var targets: [Target] = [
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
    .systemLibrary(name: "CBDB", providers: [.apt(["libdb5.3-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),

    .target(name: "Engines", dependencies: ["CSQLite", "CLMDB", "CBDB", nioCore]),
    .target(name: "Versions", dependencies: [nioCore]),
    .target(name: "Placement", dependencies: [nioCore]),
    .target(name: "Node", dependencies: ["Versions", "Placement", nioCore]),
    .target(name: "Storage", dependencies: ["Node", "Engines", "Versions", "Placement", "CXXHash", nioCore]),
    .target(name: "Simulation", dependencies: ["Node", "Storage", "Engines", "Versions", "Placement", nioCore]),

    .executableTarget(name: "engine-torture", dependencies: ["Engines", nioCore], path: "Tests/EngineTorture"),
    .testTarget(name: "EnginesTests", dependencies: ["Engines", "engine-torture", nioCore]),
    .testTarget(name: "VersionsTests", dependencies: ["Versions", nioCore]),
    .testTarget(name: "PlacementTests", dependencies: ["Placement", nioCore]),
    .testTarget(name: "NodeTests", dependencies: ["Node", "Versions", "Placement", nioCore]),
    .testTarget(name: "StorageTests", dependencies: ["Storage", "Node", "Engines", "Versions", "Placement", nioCore]),
    .testTarget(name: "SimulationTests", dependencies: ["Simulation", "Node"]),
    .testTarget(name: "TidyTests"),
]

// House rules for every target, in one place.
for target in targets where target.type != .system {
    target.swiftSettings = [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .treatAllWarnings(as: .error),
    ]
}

let package = Package(name: "rotor", dependencies: dependencies, targets: targets)
