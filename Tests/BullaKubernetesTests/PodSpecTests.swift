// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaKubernetes
import Testing

@Suite("Pod specification")
struct PodSpecTests {
    private static let template = #"{"metadata":{"labels":{"app":"x"}},"spec":\#(Payload.podSpec)}"#

    @Test(
        "finds every image of every built-in workload",
        arguments: [
            ("v1", "Pod", #"{"spec":\#(Payload.podSpec)}"#, "spec"),
            ("v1", "PodTemplate", #"{"template":\#(template)}"#, "template.spec"),
            ("v1", "ReplicationController", #"{"spec":{"template":\#(template)}}"#, "spec.template.spec"),
            ("apps/v1", "Deployment", #"{"spec":{"template":\#(template)}}"#, "spec.template.spec"),
            ("apps/v1beta2", "Deployment", #"{"spec":{"template":\#(template)}}"#, "spec.template.spec"),
            ("extensions/v1beta1", "Deployment", #"{"spec":{"template":\#(template)}}"#, "spec.template.spec"),
            ("apps/v1", "ReplicaSet", #"{"spec":{"template":\#(template)}}"#, "spec.template.spec"),
            ("apps/v1", "StatefulSet", #"{"spec":{"template":\#(template)}}"#, "spec.template.spec"),
            ("apps/v1", "DaemonSet", #"{"spec":{"template":\#(template)}}"#, "spec.template.spec"),
            ("batch/v1", "Job", #"{"spec":{"template":\#(template)}}"#, "spec.template.spec"),
            (
                "batch/v1", "CronJob", #"{"spec":{"jobTemplate":{"spec":{"template":\#(template)}}}}"#,
                "spec.jobTemplate.spec.template.spec"
            ),
            (
                "batch/v1beta1", "CronJob", #"{"spec":{"jobTemplate":{"spec":{"template":\#(template)}}}}"#,
                "spec.jobTemplate.spec.template.spec"
            ),
        ])
    func kinds(version: String, kind: String, object: String, prefix: String) throws {
        let whole =
            #"{"apiVersion":"\#(version)","kind":"\#(kind)","metadata":{"name":"n","namespace":"m"},"#
            + object.dropFirst()
        let spec = try #require(try PodSpec.read(Array(whole.utf8)))
        #expect(spec.images == Payload.images(prefix))
        #expect(spec.serviceAccount == "builder")
        #expect(spec.name == "n")
        #expect(spec.namespace == "m")
        let type = GroupVersionKind(apiVersion: version, kind: kind)
        let review = Payload.review(group: type.group, kindVersion: type.version, kind: kind, object: whole)
        #expect(try Payload.judged(review) == Payload.images(prefix))
    }

    @Test("lets a replication controller have no template, and no other kind")
    func noTemplate() throws {
        let controller = #"{"apiVersion":"v1","kind":"ReplicationController","spec":{"replicas":0,"template":null}}"#
        #expect(try PodSpec.read(Array(controller.utf8))?.images == [])
        let deployment = #"{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":0}}"#
        #expect(throws: BullaError.self) { try PodSpec.read(Array(deployment.utf8)) }
    }

    @Test("knows kinds that hold no pod")
    func otherKinds() throws {
        #expect(try PodSpec.read(Array(#"{"apiVersion":"v1","kind":"Service","spec":{}}"#.utf8)) == nil)
        #expect(throws: BullaError.self) { try PodSpec.read(Array(#"{"spec":{}}"#.utf8)) }
    }

    @Test("reads labels of the workload and of its template")
    func labels() throws {
        let text =
            #"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"a":"1","b":"no"},"#
            + #""annotations":{"c":"3"}},"spec":{"template":{"metadata":{"labels":{"b":"true","a":"2"},"#
            + #""annotations":{"d":"4"}},"spec":{"containers":[{"image":"x"}]}}}}"#
        let spec = try #require(try PodSpec.read(Array(text.utf8)))
        #expect(spec.labels == ["a": "1", "b": "true"])
        #expect(spec.annotations == ["c": "3", "d": "4"])
    }

    @Test("turns YAML into what is judged")
    func yaml() throws {
        let text = """
            apiVersion: v1
            kind: List
            items:
            - apiVersion: v1
              kind: Pod
              metadata: {name: p, labels: {version: 1.0, on: "true"}}
              spec:
                containers:
                - image: nginx
                  args: [~, 'null', 3, 007]
            ---
            # nothing
            ---
            kind: Pod
            apiVersion: v1
            spec: {containers: [{image: "a:1"}]}
            """
        let documents = try ManifestFile.documents(in: Array(text.utf8), file: "f.yaml")
        #expect(documents.count == 2)
        #expect(
            String(decoding: documents[0], as: UTF8.self)
                == #"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"version":"1.0","on":"true"}},"#
                + #""spec":{"containers":[{"image":"nginx","args":[null,"null",3,"007"]}]}}"#)
        #expect(try PodSpec.read(documents[1])?.images == [.init(path: "spec.containers[0]", name: "a:1")])
    }
}
