"""Makes, changes and deletes the stack on moto, in this process, and asks the services what came of it.

Every scenario runs for both architectures. A fact that does not hold is reported with what was found; at the
end stands how many held. moto_makers.py says, with reasons, what moto's CloudFormation cannot do by itself.
"""

import os
import sys
import warnings

import boto3
import moto
import moto_types
import scenarios
import template
from facts import Facts, check_all, check_gone
from scenarios import ACCOUNT, REGION, STACK, TOPIC, Stack


def arguments(parameters):
    return {
        "StackName": STACK,
        "TemplateBody": template.TEMPLATE.read_text(encoding="utf-8"),
        "Capabilities": ["CAPABILITY_IAM"],
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    }


def described(parameters):
    """The stack after it was made or changed."""
    formation = boto3.client("cloudformation")
    stack = formation.describe_stacks(StackName=STACK)["Stacks"][0]
    listed = formation.describe_stack_resources(StackName=STACK)["StackResources"]
    # moto also lists what a condition leaves out, as nothing, and gives rules of security groups no id.
    made = [resource for resource in listed if "LogicalResourceId" in resource]
    return Stack(
        parameters,
        {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]},
        {resource["LogicalResourceId"]: resource.get("PhysicalResourceId") for resource in made},
    )


def live(facts, parameters, network):
    """One stack from its making to its end."""
    formation = boto3.client("cloudformation")
    formation.create_stack(**arguments(parameters))
    check_all(facts, described(parameters), network)
    changes = {
        "ImageUri": scenarios.image("b"),
        "WorkerVcpu": "4",
        "MaxWorkers": "40",
        "LogRetentionDays": "90",
        "AlarmTopicArn": TOPIC,
    }
    facts.scenario += ", updated"
    formation.update_stack(**arguments(parameters | changes))
    stack = described(parameters | changes)
    check_all(facts, stack, network)
    facts.scenario += " and deleted"
    formation.delete_stack(StackName=STACK)
    check_gone(facts, stack)


def pretend():
    """Credentials that are worth nothing, so that nothing real can be reached by mistake."""
    given = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
    os.environ.update(given, MOTO_ACCOUNT_ID=ACCOUNT)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        os.environ.pop(name, None)


def known_types():
    """Types that neither moto nor moto_types.py makes: they would be left out without a word."""
    used = {resource["Type"] for resource in template.load()["Resources"].values()}
    return used - set(moto_types.TYPES) - moto_types.OWN, set(moto_types.TYPES) - used


def main():
    """Says how many facts of how many stacks held in one line, or what did not."""
    pretend()
    moto_types.teach()
    # Anything moto leaves out is an error, not a warning that nobody reads.
    warnings.filterwarnings("error", message="Tried to parse")
    facts, stacks = Facts(), 0
    facts.equal("types that nobody makes, types that nobody uses", known_types(), (set(), set()))
    for architecture in ("ARM64", "X86_64"):
        for name in scenarios.NAMES:
            with moto.mock_aws():
                network = scenarios.make_network()
                facts.scenario = f"{name}, {architecture}"
                parameters = scenarios.parameters(network, name) | {"CpuArchitecture": architecture}
                try:
                    live(facts, parameters, network)
                except Exception as error:
                    error.add_note(f"in the scenario {facts.scenario}")
                    raise
                stacks += 1
    if facts.broken:
        print("\n".join(facts.broken))
        return 1
    print(f"{stacks} stacks made, updated and deleted: {facts.held} facts hold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
