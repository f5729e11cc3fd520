"""Holds the tables of deploy/ecs/iam.md against the roles of the template."""

import re
import unittest

import template

PAGE = template.TEMPLATE.parent / "iam.md"
ROLES = {"Worker": "WorkerRole", "Coordinator": "CoordinatorRole", "Execution": "ExecutionRole"}
COLUMNS = ["statement", "actions", "on", "if", "why"]


def tables():
    """{role: {statement: (actions, if, why)}} as the page has them."""
    found, role = {}, None
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            role = ROLES.get(line.removeprefix("## "))
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if role and line.startswith("|") and cells != COLUMNS and set(cells[0]) != {"-"}:
            statement, actions, _, condition, why = cells
            found.setdefault(role, {})[statement] = (re.findall(r"`([^`]+)`", actions), condition, why)
    return found


def statements(role):
    """Every statement of a role, also those that depend on a parameter, with the condition they depend on."""
    policy = template.load()["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]
    for statement in policy["Statement"]:
        if "Fn::If" in statement:
            condition, statement, _ = statement["Fn::If"]
            yield statement, condition
        else:
            yield statement, None


class ThePage(unittest.TestCase):
    def test_it_has_every_statement_with_its_actions_in_their_order_and_a_reason(self):
        for role, rows in tables().items():
            wanted = {}
            for statement, _ in statements(role):
                actions = statement["Action"]
                wanted[statement["Sid"]] = [actions] if isinstance(actions, str) else actions
            self.assertEqual({sid: row[0] for sid, row in rows.items()}, wanted, role)
            self.assertEqual(list(rows), list(wanted), role)
            self.assertTrue(all(why for _, _, why in rows.values()), role)

    def test_it_names_every_condition(self):
        for role, rows in tables().items():
            for statement, condition in statements(role):
                said = rows[statement["Sid"]][1]
                for keys in statement.get("Condition", {}).values():
                    for key in keys:
                        self.assertIn(f"`{key}`", said, f"{role} {statement['Sid']}")
                self.assertEqual(bool(condition), "with " in said, f"{role} {statement['Sid']}")

    def test_it_has_every_role(self):
        resources = template.load()["Resources"].items()
        roles = {name for name, resource in resources if resource["Type"] == "AWS::IAM::Role"}
        self.assertEqual(set(tables()), roles)


if __name__ == "__main__":
    unittest.main()
