import Node
import Storage

/// Trees: what is asked of them takes a disk's time, and between the reading of a page and its being taken in there
/// may be writes.
extension VirtualCluster {
    func lookAtTrees(_ request: TreeRequest, _ node: Int, _ process: NodeProcess) {
        transcript.mix(request.token.rawValue)
        plan(.treeTask(node, process: process.number, request), after: diskTime(node, 0...1))
    }

    /// What was written is seen as soon as its commit has been carried out, which here is when its group begins.
    func onTreeTask(_ node: Int, _ number: Int, _ request: TreeRequest) {
        guard let process = process(number, of: node) else { return }
        let objects = process.stores[request.store].objects
        switch request.work {
        case .answer(let question):
            let answer = StorageCompletion.tree(request.token, objects.answer(question))
            plan(.storageDone(node, process: number, answer), after: diskTime(node, 0...1))
        case .build(let rereading):
            let done: StorageCompletion
            do {
                if let page = try objects.readTreePage(rereading: rereading) {
                    return plan(.treePage(node, process: number, request, page), after: diskTime(node, 0...2))
                }
                done = .treesBuilt(request.token, complete: true)
            } catch {
                done = .failed(request.token, .failed("\(error)"))
            }
            plan(.storageDone(node, process: number, done), after: diskTime(node, 0...1))
        }
    }

    func onTreePage(_ node: Int, _ number: Int, _ request: TreeRequest, _ page: TreePage) {
        guard let process = process(number, of: node) else { return }
        let isComplete = process.stores[request.store].objects.take(page)
        let done = StorageCompletion.treesBuilt(request.token, complete: isComplete)
        plan(.storageDone(node, process: number, done), after: diskTime(node, 0...1))
    }
}
