"""Tests of iam_proof.py and template.py: what must pass, and above all what must not."""

import contextlib
import copy
import dataclasses
import io
import json
import pathlib
import re
import tempfile
import unittest

import iam_proof
import template
from iam_proof import Call, Name, ProofError

QUEUE = "arn:aws:sqs:eu-north-1:123456789012:backfleet"
SHARD = "arn:aws:s3:::lake/orders/part-01234567-000000-00000.json.gz"

SMALL = {
    "Parameters": {
        "Bucket": {"Type": "String"},
        "Table": {"Type": "String", "Default": ""},
        "Keys": {"Type": "CommaDelimitedList", "Default": ""},
    },
    "Mappings": {"Sizes": {"2": {"Cpu": "2048"}}},
    "Conditions": {
        "HasTable": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Table"}, ""]}]},
        "HasKeys": {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "Keys"}]}, ""]}]},
    },
    "Resources": {
        "Role": {
            "Properties": {
                "Policies": [
                    {
                        "PolicyDocument": {
                            "Statement": [
                                {
                                    "Sid": "Work",
                                    "Effect": "Allow",
                                    "Action": ["sqs:SendMessage", "sqs:DeleteMessage"],
                                    "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
                                },
                                {
                                    "Sid": "Once",
                                    "Effect": "Allow",
                                    "Action": "s3:PutObject",
                                    "Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/orders/*"},
                                    "Condition": {"Null": {"s3:if-none-match": "false"}},
                                },
                                {
                                    "Sid": "List",
                                    "Effect": "Allow",
                                    "Action": "s3:ListBucket",
                                    "Resource": {"Fn::Sub": "arn:aws:s3:::${Bucket}"},
                                    "Condition": {"StringLike": {"s3:prefix": ["orders/*"]}},
                                },
                                {
                                    "Fn::If": [
                                        "HasTable",
                                        {
                                            "Sid": "Scan",
                                            "Effect": "Allow",
                                            "Action": "dynamodb:Scan",
                                            "Resource": {"Ref": "Table"},
                                        },
                                        {"Ref": "AWS::NoValue"},
                                    ]
                                },
                            ]
                        }
                    }
                ]
            }
        }
    },
}

GOOD = [
    Call("worker", "sqs:SendMessage", QUEUE),
    Call("worker", "sqs:DeleteMessage", QUEUE),
    Call("worker", "s3:PutObject", SHARD, if_none_match="*"),
    Call("worker", "s3:ListBucket", "arn:aws:s3:::lake", prefix="orders/date=x/"),
]


def values(of=None, **parameters):
    return template.Values(of or SMALL, {"Bucket": "lake", **parameters}, {}, {"Queue.Arn": QUEUE})


def grants(of=None, **parameters):
    return iam_proof.grants_of(values(of, **parameters), {"worker": "Role"})


def faults(calls, exceptions=(), **parameters):
    return iam_proof.prove(grants(**parameters), calls, dict.fromkeys(exceptions, "because"))[0]


def changed(**fields):
    """The small template with its first statement changed."""
    other = copy.deepcopy(SMALL)
    policy = other["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]
    policy["Statement"][0].update(fields)
    return other


class BothWays(unittest.TestCase):
    def test_calls_and_grants_that_agree_have_no_fault(self):
        self.assertEqual(faults(GOOD), [])

    def test_a_call_without_a_grant_is_a_fault(self):
        for call in [
            Call("worker", "sqs:ReceiveMessage", QUEUE),
            Call("worker", "sqs:SendMessage", QUEUE + "-dlq"),
            Call("coordinator", "sqs:SendMessage", QUEUE),
            Call("worker", "s3:PutObject", "arn:aws:s3:::lake/users/x", if_none_match="*"),
            Call("worker", "s3:PutObject", "arn:aws:s3:::lake2/orders/x", if_none_match="*"),
            Call("worker", "dynamodb:Scan", "arn:aws:dynamodb:eu-north-1:123456789012:table/orders"),
        ]:
            with self.subTest(call=str(call)):
                self.assertEqual(faults([*GOOD, call]), [f"call that is not granted: {call}"])

    def test_a_put_without_if_none_match_is_a_fault(self):
        call = Call("worker", "s3:PutObject", SHARD)
        self.assertEqual(faults([*GOOD, call]), [f"call that is not granted: {call}"])
        self.assertIn("without If-None-Match", str(call))

    def test_a_listing_outside_the_prefix_is_a_fault(self):
        call = Call("worker", "s3:ListBucket", "arn:aws:s3:::lake", prefix="users/")
        self.assertEqual(faults([*GOOD, call]), [f"call that is not granted: {call}"])

    def test_a_grant_that_no_call_used_is_a_fault(self):
        name = Name("worker", "Work", "sqs:DeleteMessage")
        calls = [call for call in GOOD if call.action != name.action]
        self.assertEqual(faults(calls), [f"grant that no call used: {name}"])

    def test_an_exception_covers_a_grant_that_no_call_used(self):
        name = Name("worker", "Work", "sqs:DeleteMessage")
        calls = [call for call in GOOD if call.action != name.action]
        self.assertEqual(faults(calls, [name]), [])

    def test_an_exception_that_was_used_is_a_fault(self):
        name = Name("worker", "Work", "sqs:DeleteMessage")
        self.assertEqual(faults(GOOD, [name]), [f"exception that was used: {name}"])

    def test_an_exception_that_names_no_grant_is_a_fault(self):
        name = Name("worker", "Scan", "dynamodb:Scan")
        self.assertEqual(faults(GOOD, [name]), [f"exception that names no grant: {name}"])

    def test_a_grant_that_depends_on_a_parameter_comes_and_goes_with_it(self):
        table = "arn:aws:dynamodb:eu-north-1:123456789012:table/orders"
        name = Name("worker", "Scan", "dynamodb:Scan")
        self.assertEqual(faults(GOOD, Table=table), [f"grant that no call used: {name}"])
        self.assertEqual(faults([*GOOD, Call("worker", "dynamodb:Scan", table)], Table=table), [])

    def test_a_repeated_grant_counts_by_its_statement(self):
        statement = {"Sid": "Again", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:other"}
        other = copy.deepcopy(SMALL)
        policy = other["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]
        policy["Statement"].append(statement)
        found, _ = iam_proof.prove(grants(other), GOOD, {})
        self.assertEqual(found, ["grant that no call used: worker: sqs:SendMessage of statement Again"])


class Conditions(unittest.TestCase):
    def holds(self, conditions, **fields):
        grant = iam_proof.Grant(Name("worker", "S", "a:B"), ("*",), conditions)
        return grant.allows(Call("worker", "a:B", "r", **fields))

    def test_null_asks_whether_the_header_is_there(self):
        present, absent = {"Null": {"s3:if-none-match": "false"}}, {"Null": {"s3:if-none-match": "true"}}
        self.assertTrue(self.holds(present, if_none_match="*"))
        self.assertFalse(self.holds(present))
        self.assertFalse(self.holds(absent, if_none_match="*"))
        self.assertTrue(self.holds(absent))

    def test_string_operators_need_a_value_unless_they_end_in_if_exists(self):
        for operator in ("StringLike", "StringEquals"):
            self.assertFalse(self.holds({operator: {"s3:prefix": "a/"}}))
            self.assertTrue(self.holds({operator + "IfExists": {"s3:prefix": "a/"}}))
            self.assertTrue(self.holds({operator: {"s3:prefix": ["b/", "a/"]}}, prefix="a/"))
            self.assertFalse(self.holds({operator + "IfExists": {"s3:prefix": "a/"}}, prefix="c/"))
        self.assertTrue(self.holds({"StringLike": {"s3:prefix": "a/*"}}, prefix="a/b"))
        self.assertFalse(self.holds({"StringEquals": {"s3:prefix": "a/*"}}, prefix="a/b"))
        self.assertTrue(self.holds({"StringLike": {"s3:prefix": "*"}}, prefix=""))

    def test_every_condition_must_hold(self):
        both = {"Null": {"s3:if-none-match": "false"}, "StringLike": {"s3:prefix": "a/*"}}
        self.assertTrue(self.holds(both, if_none_match="*", prefix="a/"))
        self.assertFalse(self.holds(both, if_none_match="*", prefix="b/"))

    def test_what_a_call_cannot_show_is_taken_as_given_and_said(self):
        conditions = {"StringEquals": {"kms:ViaService": "sqs.eu-north-1.amazonaws.com"}}
        self.assertTrue(self.holds(conditions))
        grant = iam_proof.Grant(Name("worker", "S", "a:B"), ("*",), conditions)
        self.assertEqual(grant.assumed(), {"kms:ViaService"})

    def test_conditions_that_are_not_known_are_an_error(self):
        for conditions in ({"StringLike": {"s3:delimiter": "/"}}, {"NumericEquals": {"s3:prefix": "1"}}):
            with self.assertRaises(ProofError):
                self.holds(conditions, prefix="1")

    def test_a_listing_without_a_prefix_is_a_fault_even_where_it_is_granted(self):
        grant = iam_proof.Grant(
            Name("worker", "List", "s3:ListBucket"),
            ("arn:aws:s3:::lake",),
            {"StringLikeIfExists": {"s3:prefix": "orders/*"}},
        )
        call = Call("worker", "s3:ListBucket", "arn:aws:s3:::lake")
        self.assertEqual(iam_proof.prove([grant], [call], {})[0], [f"listing that names no prefix: {call}"])

    def test_stars_and_question_marks_match_and_nothing_else_does(self):
        for text, pattern, matches in [
            ("a/b/c", "a/*", True),
            ("a/", "a/*", True),
            ("ab", "a?", True),
            ("a", "a?", False),
            ("axb", "a.b", False),
            ("a[b]", "a[b]", True),
            ("xa", "a*", False),
        ]:
            with self.subTest(text=text, pattern=pattern):
                self.assertEqual(iam_proof._like(text, pattern), matches)


class Statements(unittest.TestCase):
    def test_statements_that_are_not_understood_are_an_error(self):
        for fields in ({"Effect": "Deny"}, {"NotAction": "s3:*"}, {"Action": "sqs:*"}, {"NotResource": "x"}):
            with self.subTest(fields=fields), self.assertRaises(ProofError):
                grants(changed(**fields))

    def test_functions_and_values_that_are_not_known_are_an_error(self):
        for resource in ({"Fn::GetAZs": ""}, {"Ref": "Nothing"}, {"Fn::GetAtt": ["Nothing", "Arn"]}):
            with self.subTest(resource=resource), self.assertRaises(template.TemplateError):
                grants(changed(Resource=resource))

    def test_functions_give_their_values(self):
        worked_out = values(Table="table/orders", Keys="a,b")
        for node, value in [
            ({"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "Table"}]}]}, "orders"),
            (
                {"Fn::Sub": ["${A}-${Bucket}-${AWS::Partition}", {"A": {"Ref": "Table"}}]},
                "table/orders-lake-aws",
            ),
            ({"Fn::FindInMap": ["Sizes", "2", "Cpu"]}, "2048"),
            ({"Ref": "Keys"}, ["a", "b"]),
            ({"Fn::Contains": [{"Ref": "Keys"}, "b"]}, True),
            ({"Fn::And": [{"Condition": "HasTable"}, {"Condition": "HasKeys"}]}, True),
            ({"Fn::Or": [{"Fn::Equals": ["a", "b"]}, {"Fn::Not": [{"Condition": "HasKeys"}]}]}, False),
            ({"x": {"Ref": "AWS::NoValue"}, "y": [{"Ref": "AWS::NoValue"}, 1]}, {"y": [1]}),
        ]:
            with self.subTest(node=node):
                self.assertEqual(worked_out.of(node), value)


class Files(unittest.TestCase):
    """Something that writes files and takes them away."""

    def written(self, text):
        file = tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8", delete=False)
        self.addCleanup(pathlib.Path(file.name).unlink)
        with file:
            file.write(text)
        return file.name


class Reading(Files):
    def test_calls_are_read_once_each_and_batches_by_their_action(self):
        line = {"role": "worker", "action": "sqs:SendMessageBatch", "resource": QUEUE, "prefix": None}
        calls, count = iam_proof.read_calls(self.written((json.dumps(line) + "\n") * 3))
        self.assertEqual((calls, count), ([Call("worker", "sqs:SendMessage", QUEUE)], 3))

    def test_a_file_without_calls_or_with_a_broken_line_is_an_error(self):
        for text in ("", "\n", "{", '{"role": "worker"}', '{"role":"w","action":"a","resource":"r","x":1}'):
            with self.subTest(text=text), self.assertRaises(ProofError):
                iam_proof.read_calls(self.written(text))

    def test_an_exception_needs_a_reason_and_stands_once(self):
        entry = {"role": "worker", "statement": "Work", "action": "sqs:SendMessage", "reason": "because"}
        self.assertEqual(len(iam_proof.read_exceptions(self.written(json.dumps([entry])))), 1)
        for entries in ([entry, entry], [{**entry, "reason": " "}]):
            with self.subTest(entries=entries), self.assertRaises(ProofError):
                iam_proof.read_exceptions(self.written(json.dumps(entries)))


def call_for(grant):
    """A call that a grant is for, made up from what it says."""
    header = "*" if "Null" in grant.conditions else None
    wanted = grant.conditions.get("StringLikeIfExists", {}).get("s3:prefix")
    prefix = wanted.replace("*", "x") if wanted else None
    resource = grant.resources[0].replace("*", "x")
    return Call(grant.name.role, grant.name.action, resource, header, prefix)


class FromFiles(Files):
    """The whole of it, with the files of this folder and calls that were made up."""

    def setUp(self):
        grants = iam_proof.grants_of(*iam_proof.open_values(iam_proof.HERE / "iam_values.json"))
        exceptions = iam_proof.read_exceptions(iam_proof.HERE / "iam_exceptions.json")
        self.calls = [call_for(grant) for grant in grants if grant.name not in exceptions]

    def proof(self, calls):
        """Exit code and output."""
        lines = "".join(json.dumps(dataclasses.asdict(call)) + "\n" for call in calls)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = iam_proof.main(["--calls", self.written(lines)])
        return code, said.getvalue()

    def test_every_call_granted_and_every_grant_used_is_a_proof(self):
        code, said = self.proof(self.calls)
        self.assertEqual(code, 0, said)
        self.assertIn(f"{len(self.calls)} calls", said)

    def test_any_one_call_fewer_is_no_proof(self):
        for number, call in enumerate(self.calls):
            code, said = self.proof(self.calls[:number] + self.calls[number + 1 :])
            self.assertEqual(code, 1, str(call))
            self.assertIn("grant that no call used: ", said)
            self.assertIn(call.action, said)

    def test_any_one_call_that_should_not_be_is_no_proof(self):
        strange = Call("worker", "s3:DeleteObject", SHARD)
        code, said = self.proof([*self.calls, strange])
        self.assertEqual((code, said), (1, f"call that is not granted: {strange}\n"))

    def test_a_missing_file_is_said(self):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            self.assertEqual(iam_proof.main(["--calls", "/nowhere/calls"]), 1)
        self.assertIn("/nowhere/calls", said.getvalue())


class TheTemplate(unittest.TestCase):
    """The real template, with the values of iam_values.json."""

    def setUp(self):
        self.values, self.roles = iam_proof.open_values(iam_proof.HERE / "iam_values.json")
        self.grants = iam_proof.grants_of(self.values, self.roles)

    def allowed(self, *call, **fields):
        return any(grant.allows(Call(*call, **fields)) for grant in self.grants)

    def test_nobody_deletes_lists_buckets_or_reads_everything(self):
        actions = {grant.name.action for grant in self.grants}
        self.assertFalse({action for action in actions if re.match(r"s3:(Delete|ListAll)", action)})
        everywhere = {grant.name.action for grant in self.grants if "*" in grant.resources}
        self.assertEqual(everywhere, {"dynamodb:ListExports"})

    def test_only_the_coordinator_replaces_and_only_control_objects(self):
        job = "arn:aws:s3:::lake/orders/_backfleet/0123456789abcdef0123456789abcdef/"
        self.assertTrue(self.allowed("coordinator", "s3:PutObject", job + "control.json"))
        self.assertFalse(self.allowed("coordinator", "s3:PutObject", job + "plan.json"))
        self.assertFalse(self.allowed("coordinator", "s3:PutObject", "arn:aws:s3:::lake/orders/control.json"))
        self.assertFalse(self.allowed("worker", "s3:PutObject", job + "control.json"))
        self.assertTrue(self.allowed("worker", "s3:PutObject", SHARD, if_none_match="*"))
        self.assertFalse(self.allowed("worker", "s3:PutObject", SHARD))

    def test_nobody_leaves_the_prefix(self):
        for role in self.roles:
            self.assertTrue(self.allowed(role, "s3:GetObject", "arn:aws:s3:::lake/orders/x"))
            self.assertFalse(self.allowed(role, "s3:GetObject", "arn:aws:s3:::lake/users/x"))
            self.assertTrue(self.allowed(role, "s3:ListBucket", "arn:aws:s3:::lake", prefix="orders/x"))
            self.assertFalse(self.allowed(role, "s3:ListBucket", "arn:aws:s3:::lake", prefix="users/"))
            self.assertFalse(self.allowed(role, "s3:ListBucket", "arn:aws:s3:::lake", prefix=""))

    def test_both_may_scan_the_table_and_nothing_else_and_only_the_coordinator_exports_it(self):
        table = "arn:aws:dynamodb:eu-north-1:123456789012:table/orders"
        for role in self.roles:
            self.assertTrue(self.allowed(role, "dynamodb:Scan", table))
            self.assertTrue(self.allowed(role, "dynamodb:Scan", table + "/index/by-date"))
            self.assertFalse(self.allowed(role, "dynamodb:Scan", table + "2"))
            self.assertFalse(self.allowed(role, "dynamodb:Query", table))
        self.assertTrue(self.allowed("coordinator", "dynamodb:ExportTableToPointInTime", table))
        self.assertFalse(self.allowed("worker", "dynamodb:ExportTableToPointInTime", table))

    def test_rules_refuse_what_does_not_fit_together(self):
        good = self.values.parameters
        for parameters, said in [
            ({"CreateVpcEndpoints": "true"}, "RouteTableIds"),
            ({"TableArn": "", "AllowEnablePitr": "true"}, "needs TableArn"),
        ]:
            other = template.Values(self.values.template, {**good, **parameters}, {}, {})
            self.assertEqual(len(other.broken_rules()), 1)
            self.assertIn(said, other.broken_rules()[0])
        fits = {**good, "CreateVpcEndpoints": "true", "RouteTableIds": "rtb-1"}
        self.assertEqual(template.Values(self.values.template, fits, {}, {}).broken_rules(), [])

    def test_parameters_are_held_to_their_patterns(self):
        good = self.values.parameters
        for parameters in (
            {"DestinationPrefix": "orders"},
            {"DestinationPrefix": "orders/*/"},
            {"DestinationPrefix": "/orders/"},
            {"ImageUri": good["ImageUri"].split("@")[0] + ":latest"},
            {"ImageUri": "docker.io/backfleet@sha256:" + "0" * 64},
            {"TableArn": "orders"},
            {"TableArn": good["TableArn"] + "/index/by-date"},
            {"DestinationBucketName": "Lake"},
            {"MetricsSourceCidr": "0.0.0.0/0"},
            {"CpuArchitecture": "arm64"},
            {"Nothing": ""},
        ):
            with self.subTest(parameters=parameters), self.assertRaises(template.TemplateError):
                template.Values(self.values.template, {**good, **parameters}, {}, {})


if __name__ == "__main__":
    unittest.main()
