/// All that a node exports, by subject. A figure comes to be told by its family here, its value in ``NodeReadings`` and
/// its line in `docs/metrics.md`; a test compares the last with what a live node says.
extension MetricFamily {
    // MARK: Requests of clients

    static let requests = MetricFamily(
        "rotor_requests_total", .counter, "Requests of clients that have been answered, by kind and outcome.")
    static let requestDuration = MetricFamily(
        "rotor_request_duration_seconds", .histogram,
        "Time from a request's arrival at the node to its answer, without reading and writing HTTP.")
    static let requestFailures = MetricFamily(
        "rotor_request_failures_total", .counter, "Requests of clients that failed, by reason.")
    static let requestsInFlight = MetricFamily(
        "rotor_requests_in_flight", .gauge, "Requests that this node coordinates or has forwarded, unanswered.")
    static let httpConnections = MetricFamily("rotor_http_connections", .gauge, "Open connections of HTTP clients.")
    static let getVersions = MetricFamily(
        "rotor_get_versions_total", .counter, "Gets by the number of versions they returned: siblings, Dynamo 6.3.")
    static let readRepairs = MetricFamily(
        "rotor_read_repairs_total", .counter, "Replicas that were sent a newer object after a get.")
    static let hedges = MetricFamily(
        "rotor_hedges_total", .counter, "Gets that asked one more replica as one was slow.")
    static let forwards = MetricFamily(
        "rotor_forwards_total", .counter, "Writes handed to another node, which coordinates them.")
    static let repeatedForwards = MetricFamily(
        "rotor_repeated_forwards_total", .counter, "Forwarded writes that came again and were not done twice.")
    static let passedOver = MetricFamily(
        "rotor_coordinators_passed_over_total", .counter,
        "Coordinators that could not mint, so that the next holder was asked.")
    static let standInMints = MetricFamily(
        "rotor_stand_in_mints_total", .counter, "Writes minted by this node as a stand-in: no holder could be reached.")
    static let stampsRefused = MetricFamily(
        "rotor_stamps_refused_total", .counter, "Replicas' versions refused, as their stamp is too far ahead.")

    // MARK: The node

    static let buildInfo = MetricFamily("rotor_build_info", .gauge, "1; the program's version is the label.")
    static let nodeInfo = MetricFamily("rotor_node_info", .gauge, "1; which node of which cluster is in the labels.")
    static let ready = MetricFamily("rotor_ready", .gauge, "1 if /health/ready answers 200.")
    static let startNumber = MetricFamily("rotor_start_number", .gauge, "How often the node has started.")
    static let startConflicts = MetricFamily(
        "rotor_start_conflicts_total", .counter, "Peers that knew a later start of this node than it did itself.")
    static let replicaOperations = MetricFamily(
        "rotor_replica_operations_in_flight", .gauge, "Storage operations under way for coordinators elsewhere.")

    // MARK: The other members

    static let peerLinked = MetricFamily("rotor_peer_linked", .gauge, "1 if there is a link to the member.")
    static let peerState = MetricFamily(
        "rotor_peer_state", .gauge, "1 for the condition that the member is in, as this node sees it, 0 for the others."
    )
    static let droppedMessages = MetricFamily(
        "rotor_dropped_messages_total", .counter,
        "Messages to members that were dropped: the link was full or not there.")

    static let sentBytes = MetricFamily(
        "rotor_link_sent_bytes_total", .counter, "Bytes sent over the links to other members.")
    static let receivedBytes = MetricFamily(
        "rotor_link_received_bytes_total", .counter, "Bytes received over the links to other members.")

    // MARK: Anti-entropy

    static let treesDifferent = MetricFamily(
        "rotor_trees_different_total", .counter, "Trees whose root was not that of another holder's, Dynamo 4.7.")
    static let treeExchangesFailed = MetricFamily(
        "rotor_tree_comparisons_failed_total", .counter, "Comparisons of single trees that came to nothing.")
    static let failedTreePages = MetricFamily(
        "rotor_store_tree_pages_failed_total", .counter, "Stretches of records that could not be read for trees.")
    static let keysPulled = MetricFamily(
        "rotor_keys_pulled_total", .counter, "Keys whose copy here anti-entropy has mended.")
    static let keysPushed = MetricFamily(
        "rotor_keys_pushed_total", .counter, "Keys whose copy at another holder anti-entropy has mended from here.")
    static let treesDue = MetricFamily(
        "rotor_store_trees_due", .gauge, "Partitions whose trees are yet to be built, or to be built anew.")

    // MARK: Hints

    static let hints = MetricFamily("rotor_hints", .gauge, "Hints kept for other members now.")
    static let hintBytes = MetricFamily("rotor_hint_bytes", .gauge, "Bytes of the hints kept now.")
    static let hintsKept = MetricFamily(
        "rotor_hints_kept_total", .counter, "Writes kept as hints, those that joined one that was there among them.")
    static let hintsDelivered = MetricFamily(
        "rotor_hints_delivered_total", .counter, "Hints that their holders have confirmed as durable.")
    static let hintOperations = MetricFamily(
        "rotor_hint_operations_in_flight", .gauge, "Reads, deliveries and deletions of hints under way.")

    // MARK: Stores

    static let storeInfo = MetricFamily(
        "rotor_store_info", .gauge, "1; the store's engine and write path are in the labels.")
    static let storeEnded = MetricFamily(
        "rotor_store_ended", .gauge, "1 if the store has ended: nothing is read from it or written to it any more.")
    static let storeSilent = MetricFamily(
        "rotor_store_figures_missing", .gauge, "1 if the engine did not tell its figures: they are left out here.")
    static let storeWaitingWrites = MetricFamily(
        "rotor_store_waiting_writes", .gauge, "Operations that wait for the store's writer.")
    static let storeWaitingReads = MetricFamily(
        "rotor_store_waiting_reads", .gauge, "Operations that wait for the store's readers.")
    static let storeWrites = MetricFamily("rotor_store_writes_total", .counter, "Operations written.")
    static let storeFailedGroups = MetricFamily(
        "rotor_store_failed_groups_total", .counter, "Groups of writes that failed, commit or sync.")
    static let storeDamaged = MetricFamily(
        "rotor_store_damaged_records_total", .counter, "Records met that are not what was written.")
    static let storeTruncated = MetricFamily(
        "rotor_store_truncated_entries_total", .counter, "Entries cut off version vectors, Dynamo 4.4.")
    static let storeEntries = MetricFamily("rotor_store_entries", .gauge, "Keys in the engine.")
    static let storeDiskBytes = MetricFamily(
        "rotor_store_disk_bytes", .gauge, "Bytes of the store's files, its log among them.")
    static let storeCommits = MetricFamily("rotor_store_commits_total", .counter, "Commits.")
    static let storeSyncs = MetricFamily("rotor_store_syncs_total", .counter, "Syncs.")
    static let storeFull = MetricFamily(
        "rotor_store_full", .gauge, "1 if the engine has no space for what is buffered, so that writes are refused.")
    static let storeBufferedObjects = MetricFamily(
        "rotor_store_buffered_objects", .gauge, "Objects in memory on their way to the engine.")
    static let storeBufferedBytes = MetricFamily(
        "rotor_store_buffered_bytes", .gauge, "Bytes in memory on their way to the engine.")
    static let storeLogBytes = MetricFamily("rotor_store_log_bytes", .gauge, "Bytes of the write-ahead log's files.")

    // MARK: The process, under the names that Prometheus' own clients give them

    static let residentMemory = MetricFamily(
        "process_resident_memory_bytes", .gauge, "Memory of the process that is in RAM.")
    static let openFiles = MetricFamily("process_open_fds", .gauge, "Open files and sockets.")
    static let maximumFiles = MetricFamily("process_max_fds", .gauge, "How many files and sockets may be open.")
    static let processorTime = MetricFamily(
        "process_cpu_seconds_total", .counter, "Processor time of all threads, user and system.")
    static let startTime = MetricFamily(
        "process_start_time_seconds", .gauge, "When the process started, in seconds since 1970.")
}
