#!/usr/bin/env python3
"""Writes kubernetes.schema: field types, list keys and merge keys of the built-in kinds.

Sources are the public Go modules k8s.io/client-go (the structured-merge-diff schema that server-side apply uses) and
k8s.io/api and k8s.io/apimachinery (struct tags: strategic merge patch, protobuf), all Apache-2.0:

    go mod download k8s.io/client-go@v0.33.4 k8s.io/api@v0.33.4 k8s.io/apimachinery@v0.33.4
    python3 generate.py "$(go env GOMODCACHE)/k8s.io" 0.33.4 > kubernetes.schema

One type per block, one field per line. Type words: s string, i number, b bool, t time, q quantity, x number or string,
y base64 bytes, * anything, @T a named type, {} map, [] atomic list, [k,..] list keyed by fields, [=] set. A trailing !
makes a map or struct atomic for apply. After the type, m=key / m: strategic merge by key / as a set; r: honours
$retainKeys; #n: the protobuf field number, #n.m inside message n that JSON writes inline, and a
trailing * where zero differs from absence.
"""
import re
import sys
import pathlib
import yaml

ROOTS = """
core.v1: Namespace Pod PodTemplateSpec Service ConfigMap Secret ServiceAccount Endpoints Event PersistentVolumeClaim
  PersistentVolume ResourceQuota LimitRange Node ReplicationController
apps.v1: Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision
batch.v1: Job CronJob
autoscaling.v1: HorizontalPodAutoscaler
autoscaling.v2: HorizontalPodAutoscaler
networking.v1: Ingress IngressClass NetworkPolicy
policy.v1: PodDisruptionBudget Eviction
rbac.v1: Role RoleBinding ClusterRole ClusterRoleBinding
storage.v1: StorageClass
scheduling.v1: PriorityClass
discovery.v1: EndpointSlice
coordination.v1: Lease
admissionregistration.v1: MutatingWebhookConfiguration ValidatingWebhookConfiguration
"""

# The generated modules carry no schema for these.
EXTRA_TYPES = """\
apiextensions.v1.CustomResourceDefinition
 apiVersion s
 kind s
 metadata @meta.v1.ObjectMeta
 spec @apiextensions.v1.CustomResourceDefinitionSpec
 status @apiextensions.v1.CustomResourceDefinitionStatus
apiextensions.v1.CustomResourceDefinitionCondition
 lastTransitionTime s
 message s
 reason s
 status s
 type s
apiextensions.v1.CustomResourceDefinitionNames
 categories []s
 kind s
 listKind s
 plural s
 shortNames []s
 singular s
apiextensions.v1.CustomResourceDefinitionSpec
 conversion *
 group s
 names @apiextensions.v1.CustomResourceDefinitionNames
 preserveUnknownFields b
 scope s
 versions []@apiextensions.v1.CustomResourceDefinitionVersion
apiextensions.v1.CustomResourceDefinitionStatus
 acceptedNames @apiextensions.v1.CustomResourceDefinitionNames
 conditions [type]@apiextensions.v1.CustomResourceDefinitionCondition
 storedVersions []s
apiextensions.v1.CustomResourceDefinitionVersion
 additionalPrinterColumns []*
 deprecated b
 deprecationWarning s
 name s
 schema *
 selectableFields []*
 served b
 storage b
 subresources *
autoscaling.v1.Scale
 apiVersion s
 kind s
 metadata @meta.v1.ObjectMeta #1
 spec @autoscaling.v1.ScaleSpec #2
 status @autoscaling.v1.ScaleStatus #3
autoscaling.v1.ScaleSpec
 replicas i #1
autoscaling.v1.ScaleStatus
 replicas i #1
 selector s #2
authentication.v1.SelfSubjectReview
 metadata @meta.v1.ObjectMeta #1
authentication.v1.TokenRequest
 metadata @meta.v1.ObjectMeta #1
 spec @authentication.v1.TokenRequestSpec #2
authentication.v1.TokenRequestSpec
 audiences []s #1
 expirationSeconds i #4
authorization.v1.NonResourceAttributes
 path s #1
 verb s #2
authorization.v1.ResourceAttributes
 group s #3
 name s #7
 namespace s #1
 resource s #5
 subresource s #6
 verb s #2
 version s #4
authorization.v1.SelfSubjectAccessReview
 metadata @meta.v1.ObjectMeta #1
 spec @authorization.v1.SelfSubjectAccessReviewSpec #2
authorization.v1.SelfSubjectAccessReviewSpec
 nonResourceAttributes @authorization.v1.NonResourceAttributes #2
 resourceAttributes @authorization.v1.ResourceAttributes #1
authorization.v1.SelfSubjectRulesReview
 metadata @meta.v1.ObjectMeta #1
 spec @authorization.v1.SelfSubjectRulesReviewSpec #2
authorization.v1.SelfSubjectRulesReviewSpec
 namespace s #1
core.v1.Binding
 metadata @meta.v1.ObjectMeta #1
 target @core.v1.ObjectReference #2
"""

EXTRA_MERGE = {
    ("meta.v1.ObjectMeta", "finalizers"): "m",
    ("meta.v1.ObjectMeta", "ownerReferences"): "m=uid",
}


def short(name):
    for prefix, to in (
        ("io.k8s.apimachinery.pkg.apis.meta.", "meta."),
        ("io.k8s.apimachinery.pkg.util.intstr.", "intstr."),
        ("io.k8s.apimachinery.pkg.api.resource.", "resource."),
        ("io.k8s.apimachinery.pkg.runtime.", "runtime."),
        ("io.k8s.apiextensions-apiserver.pkg.apis.", ""),
        ("io.k8s.api.", ""),
    ):
        if name.startswith(prefix):
            return to + name[len(prefix):]
    return name


def load(path):
    text = path.read_text()
    body = re.search(r"schemaYAML = typed.YAMLObject\(`(.*?)`\)", text, re.S).group(1)
    return {short(t["name"]): t for t in yaml.safe_load(body)["types"]}


STRUCT = re.compile(r"type (\w+) struct")
FIELD = re.compile(r'^\s+(\w+\s+)?(\S+)\s+`.*json:"(\w*)(,inline)?[^"]*".*protobuf:"\w+,(\d+)')


def wire(bases):
    """(type, field) -> (number, Go type), and type -> [(number, inlined Go type)]."""
    numbers, inlined = {}, {}
    for file in bases:
        struct, package = None, ".".join(file.parts[-3:-1])
        for line in file.read_text().splitlines():
            if m := STRUCT.match(line):
                struct = f"{package}.{m.group(1)}"
            elif m := FIELD.match(line):
                go, json, number = m.group(2), m.group(3), m.group(5)
                if json:
                    numbers[(struct, json)] = (number, go)
                else:
                    inlined.setdefault(struct, []).append((number, f"{package}.{go}"))
    return numbers, inlined


def number_of(name, field, numbers, inlined):
    if (name, field) in numbers:
        return numbers[(name, field)]
    for number, inner in inlined.get(name, []):
        if found := number_of(inner, field, numbers, inlined):
            return (number + "." + found[0], found[1])
    return None


def merge_tags(api):
    tags = {}
    for file in api.glob("*/v*/types.go"):
        struct = None
        package = ".".join(file.parts[-3:-1])
        for line in file.read_text().splitlines():
            if m := re.match(r"type (\w+) struct", line):
                struct = m.group(1)
            if m := re.search(r'json:"(\w+)[^"]*".*patchStrategy:"([^"]+)"', line):
                key = re.search(r'patchMergeKey:"(\w+)"', line)
                words = []
                if "merge" in m.group(2):
                    words.append("m=" + key.group(1) if key else "m")
                if "retainKeys" in m.group(2):
                    words.append("r")
                tags[(f"{package}.{struct}", m.group(1))] = " ".join(words)
    return tags


SCALARS = {"string": "s", "numeric": "i", "boolean": "b", "untyped": "*"}


def expr(t, types):
    atomic = "!" if t.get("elementRelationship") == "atomic" else ""
    if "namedType" in t:
        name = short(t["namedType"])
        target = types.get(name, {})
        if "scalar" in target:
            return {"meta.v1.Time": "t", "meta.v1.MicroTime": "t", "resource.Quantity": "q", "intstr.IntOrString": "x"}.get(name, "*")
        if name in ("resource.Quantity", "intstr.IntOrString"):
            return "q" if name == "resource.Quantity" else "x"
        if name in ("meta.v1.FieldsV1", "runtime.RawExtension", "__untyped_atomic_", "__untyped_deduced_"):
            return "*"
        if name.endswith(("JSON", "JSONSchemaProps")) or "JSONSchemaPropsOr" in name:
            return "*"
        return "@" + name + atomic
    if "scalar" in t:
        return SCALARS[t["scalar"]]
    if "list" in t:
        spec = t["list"]
        inner = expr(spec["elementType"], types)
        if spec.get("elementRelationship") == "associative":
            return "[" + ",".join(spec["keys"]) + "]" + inner if spec.get("keys") else "[=]" + inner
        return "[]" + inner
    if "map" in t:
        spec = t["map"]
        atomic = "!" if spec.get("elementRelationship") == "atomic" else ""
        return "{}" + expr(spec["elementType"], types) + atomic
    return "*"


def main():
    base, version = pathlib.Path(sys.argv[1]), sys.argv[2]
    types = load(base / f"client-go@v{version}/applyconfigurations/internal/internal.go")
    tags = merge_tags(base / f"api@v{version}") | EXTRA_MERGE
    files = [*(base / f"api@v{version}").glob("*/v*/types.go"), base / f"apimachinery@v{version}/pkg/apis/meta/v1/types.go"]
    numbers, inlined = wire(files)
    queue = []
    group = None
    for word in ROOTS.split():
        if word.endswith(":"):
            group = word[:-1]
        else:
            queue.append(f"{group}.{word}")
    seen = {}
    while queue:
        name = queue.pop(0)
        if name in seen:
            continue
        lines = []
        spec = types.get(name)
        if spec is None:
            print("missing", name, file=sys.stderr)
            continue
        body = spec.get("map", {})
        for field in body.get("fields", []):
            text = expr(field["type"], types)
            on_wire = number_of(name, field["name"], numbers, inlined)
            if on_wire and on_wire[1] == "[]byte":
                text = "y"
            elif on_wire and on_wire[1] == "map[string][]byte":
                text = "{}y"
            queue += re.findall(r"@([\w.]+)", text)
            lines.append(" ".join(filter(None, [" " + field["name"], text, tags.get((name, field["name"])), "#" + on_wire[0] + "*" * on_wire[1].startswith("*") if on_wire else None])))
        seen[name] = (body.get("elementRelationship") == "atomic", lines)
    print("# Derived from k8s.io/client-go and k8s.io/api", version, "(Apache-2.0) by generate.py.")
    for name in sorted(seen):
        atomic, lines = seen[name]
        print(name + ("!" if atomic else ""))
        print("\n".join(lines))
    print(EXTRA_TYPES, end="")


main()
