// swift-tools-version: 6.2
import PackageDescription

/// `ROTOR_CORE=1` leaves the HTTP, TLS and command line targets and their packages out of the manifest, so that the
/// core and its tests build from nothing in a minute or two.
let coreOnly = Context.environment["ROTOR_CORE"] != nil

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")

let nioConcurrency: Target.Dependency = .product(name: "NIOConcurrencyHelpers", package: "swift-nio")

let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")

var dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift.git", exact: "0.2.0"),
]

var targets: [Target] = [
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
    .systemLibrary(name: "CBDB", providers: [.apt(["libdb5.3-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),

    .target(name: "CBDBFiles", dependencies: ["CBDB"]),
    .target(name: "Engines", dependencies: ["CSQLite", "CLMDB", "CBDB", "CBDBFiles", "CXXHash", nioCore]),
    .target(name: "Versions", dependencies: [nioCore]),
    .target(name: "Placement", dependencies: [nioCore]),
    .target(name: "Node", dependencies: ["Versions", "Placement", nioCore]),
    .target(
        name: "Storage",
        dependencies: ["Node", "Engines", "Versions", "Placement", "CXXHash", nioCore, nioConcurrency]),
    .target(name: "Simulation", dependencies: ["Node", "Storage", "Engines", "Versions", "Placement", nioCore]),

    .target(
        name: "CEngineLoops", dependencies: ["CSQLite", "CLMDB", "CBDB"],
        linkerSettings: [.linkedLibrary("lmdb"), .linkedLibrary("db-5.3"), .linkedLibrary("sqlite3")]),
    .target(name: "EngineBench", dependencies: ["Engines", "CEngineLoops", nioCore, histogram]),

    .executableTarget(name: "engine-torture", dependencies: ["Engines", nioCore], path: "Tests/EngineTorture"),
    .executableTarget(
        name: "flipped-store", dependencies: ["Storage", "Node", "Engines", "Versions", "Placement", nioCore],
        path: "Tests/FlippedStore"),
    .target(name: "CSyncFaults", path: "Tests/CSyncFaults"),
    .target(name: "CDiskJournal", path: "Tests/CDiskJournal"),
    .testTarget(name: "EnginesTests", dependencies: ["Engines", "engine-torture", "CSyncFaults", nioCore]),
    .testTarget(name: "EngineBenchTests", dependencies: ["EngineBench", "Engines", nioCore, histogram]),
    .testTarget(name: "VersionsTests", dependencies: ["Versions", nioCore]),
    .testTarget(name: "PlacementTests", dependencies: ["Placement", nioCore]),
    .testTarget(name: "NodeTests", dependencies: ["Node", "Versions", "Placement", nioCore]),
    .testTarget(
        name: "StorageTests",
        dependencies: ["Storage", "flipped-store", "Node", "Engines", "Versions", "Placement", nioCore]),
    .testTarget(
        name: "SimulationTests",
        dependencies: ["Simulation", "Node", "Storage", "Engines", "Versions", "Placement", nioCore],
        exclude: ["Golden"]),
    .testTarget(name: "TidyTests"),
]

if !coreOnly {
    let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
    let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
    dependencies += [
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", exact: "2.13.0"),
        .package(
            url: "https://github.com/apple/swift-configuration.git", exact: "1.4.0", traits: [.defaults, "YAML"]),
        .package(url: "https://github.com/jpsim/Yams.git", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", exact: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", exact: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client.git", exact: "1.37.0"),
    ]
    targets += [
        .target(
            name: "RiakWire",
            dependencies: ["Versions", "Placement", nioCore]),
        .target(
            name: "RotorClient",
            dependencies: [
                "RiakWire", "Placement", nioCore,
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ]),
        .target(name: "CCrashMark"),
        .target(
            name: "Server",
            dependencies: [
                "RiakWire", "Storage", "Node", "Engines", "Versions", "Placement", "CXXHash", "CCrashMark", nioCore,
                logging, metrics,
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Yams", package: "Yams"),
            ]),
        .executableTarget(
            name: "rotor",
            dependencies: [
                "Server", "RotorClient", "RiakWire", "Simulation", "Storage", "Node", "EngineBench", "Engines",
                "Versions", "Placement", nioCore, nioConcurrency, logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOPosix", package: "swift-nio"),
                histogram,
            ]),
        .testTarget(name: "RiakWireTests", dependencies: ["RiakWire", "Versions", "Placement", nioCore]),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "Server", "RiakWire", "Node", "Storage", "Engines", "Versions", "Placement", nioCore, nioConcurrency,
                logging, metrics,
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .testTarget(
            name: "RotorTests",
            dependencies: [
                "rotor", "RotorClient", "RiakWire", "Server", "Simulation", "EngineBench", "Engines", "Node",
                "Placement", nioCore, nioConcurrency,
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
    ]
}

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

// A library of its own: the power-cut tests preload it into a child, and no program links it.
let package = Package(
    name: "rotor",
    products: [.library(name: "disk-journal", type: .dynamic, targets: ["CDiskJournal"])],
    dependencies: dependencies, targets: targets)
