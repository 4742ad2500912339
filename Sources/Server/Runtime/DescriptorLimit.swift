import Glibc

/// How many files and sockets this process may have open at a time.
public enum DescriptorLimit {
    /// What a node needs beside its clients' connections: its record, the engines' files, the links to the others.
    static let reserve = 256

    /// Raises the soft limit to the hard one, since a shell's usual 1024 are fewer than a door lets in; a node that has
    /// none left cannot write its record.
    ///
    /// - Returns: The limit that holds now; nil where the system does not say.
    public static func raise() -> Int? {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return nil }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = raised.rlim_max
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// How many connections a door may let in, of those it would like to.
    public static func connections(wanted: Int, limit: Int?) -> Int {
        guard let limit else { return wanted }
        return min(wanted, max(limit - reserve, limit / 2))
    }
}
