import Node
import Versions

/// One short phrase each, for transcripts that people read.
func brief(_ message: Message) -> String {
    switch message {
    case .startAnnounced(let start): "start \(start.number) announced"
    case .startConfirmed(let start): "start \(start.number) confirmed"
    case .startConflict(let start): "start \(start.number) is known already"
    case .fetch(let fetch): "fetch \(fetch.key)\(fetch.standingInFor.isEmpty ? "" : " as a stand-in")"
    case .fetched(let fetched): "fetched \(brief(fetched.result))"
    case .replicate(let replicate):
        "\(replicate.standingInFor == nil ? "replicate" : "hint") \(replicate.key) \(brief(replicate.object))"
    case .replicated(let replicated): "replicated: \(replicated.result)"
    case .forward(let forward): "forward \(forward.sequence): \(brief(forward.request))"
    case .forwarded(let forwarded): "forwarded: \(brief(forwarded.reply))"
    case .askTrees(let inquiry): "asks \(inquiry.store)'s trees: \(brief(inquiry.question))"
    case .treesAnswered(let report): "trees: \(brief(report.answer))"
    case .probe: "probe"
    case .probed: "probed"
    }
}

private func brief(_ question: TreeQuestion) -> String {
    switch question {
    case .roots(let trees): "\(trees.count) roots"
    case .sums(let tree, let level, let nodes): "\(tree.partition)/\(tree.n), \(nodes.count) sums of level \(level)"
    case .keys(let listing): "\(listing.tree.partition)/\(listing.tree.n), keys"
    }
}

private func brief(_ answer: TreeAnswer) -> String {
    switch answer {
    case .roots(let roots): "\(roots.count) roots"
    case .sums(let sums): "\(sums.count) sums"
    case .keys(let keys): "\(keys.entries.count) keys"
    case .unavailable: "unavailable"
    case .busy: "busy"
    }
}

func brief(_ request: ClientRequest) -> String {
    switch request {
    case .get(let get): "get \(get.key)"
    case .put(let put):
        "put \(put.key) \(ApplicationValue.decode(put.content.value))\(put.context == nil ? "" : " with a context")"
    case .delete(let delete): "delete \(delete.key)\(delete.context == nil ? "" : " with a context")"
    }
}

func brief(_ reply: ClientReply) -> String {
    switch reply {
    case .found(let found): "found \(brief(found.object))"
    case .notFound(let context): "not found\(context == nil ? "" : ", deleted")"
    case .stored: "stored"
    case .deleted: "deleted"
    case .failed(let failure): "\(failure)"
    }
}

func brief(_ object: VersionedObject) -> String {
    let siblings = object.siblings.map { sibling in
        sibling.isTombstone ? "✝" : ApplicationValue.write(sibling.content.value).map { "#\($0)" } ?? "?"
    }
    return "{\(siblings.joined(separator: " "))}"
}

private func brief(_ result: Result<VersionedObject?, ReplicaFailure>) -> String {
    switch result {
    case .success(let object): object.map { brief($0) } ?? "nothing"
    case .failure(let failure): "\(failure)"
    }
}
