import NIOCore
import Placement
import Versions

/// A put or a delete as its coordinator carries it out.
struct WriteOrder {
    let key: ObjectKey
    let content: Content
    let kind: PutCoordination.Kind
    /// What it supersedes: what its client had seen, or for a delete without a context what the coordinator reads.
    var context: Context?
    let condition: MintCondition?
    let r: Quorum?
    let pr: Quorum?
    let w: Quorum?
    let pw: Quorum?
    let dw: Quorum?
    let isSloppy: Bool
    var timeoutMilliseconds: Int?

    init(_ put: PutRequest, _ context: Context?, _ condition: MintCondition?) {
        key = put.key
        content = put.content
        kind = .put(returnBody: put.returnBody)
        self.context = context
        self.condition = condition
        (r, pr, w, pw, dw) = (put.r, put.pr, put.w, put.pw, put.dw)
        isSloppy = put.sloppyQuorum ?? true
        timeoutMilliseconds = put.timeoutMilliseconds
    }

    init(_ delete: DeleteRequest, _ context: Context?, _ condition: MintCondition?) {
        key = delete.key
        content = Content(metadata: ByteBuffer(), value: ByteBuffer())
        kind = .delete
        self.context = context
        self.condition = condition
        (r, pr, w, pw, dw) = (delete.r, delete.pr, delete.w, delete.pw, delete.dw)
        isSloppy = delete.sloppyQuorum ?? true
        timeoutMilliseconds = delete.timeoutMilliseconds
    }

    var isTombstone: Bool {
        if case .delete = kind { true } else { false }
    }

    /// It depends on what is there: R replicas are asked before anything is minted.
    var readsFirst: Bool { condition != nil || (isTombstone && context == nil) }

    /// Why the condition does not hold of what R replicas have; nil where it does, or there is none.
    func conditionFailure(of object: VersionedObject?) -> ConditionFailure? {
        if case .unchanged = condition, object?.isDeleted ?? true { return .missing }
        return condition?.failure(of: object)
    }
}
