"""The stacks that lifecycle.py makes: parameters for each, and the network they are put into."""

import dataclasses

import boto3

REGION = "eu-north-1"
ACCOUNT = "123456789012"
STACK = "backfleet"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/backfleet"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000001"
DATA_KEYS = [KEY[:-1] + "2", KEY[:-1] + "3"]
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"


@dataclasses.dataclass
class Network:
    """What a stack is put into."""

    vpc: str
    subnets: list
    route_table: str
    prometheus: str


@dataclasses.dataclass
class Stack:
    """One stack as it was asked for, and what it says of itself."""

    parameters: dict
    outputs: dict
    resources: dict

    def has(self, parameter):
        """Whether something was given for a parameter."""
        return self.parameters.get(parameter, "") not in ("", "false")

    def bucket(self, which):
        """The name of the bucket that is read or written."""
        return self.parameters.get(f"{which}BucketName") or self.resources[f"{which}Bucket"]

    def queue_arn(self, suffix=""):
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{STACK}{suffix}"


def image(digit):
    return f"{REPOSITORY}@sha256:{digit * 64}"


EXISTING_BUCKETS = {
    "DestinationBucketName": "lake",
    "DestinationPrefix": "orders/",
    "ExportBucketName": "exports",
    "ExportPrefix": "daily/",
}

# By name, what differs from the defaults; `everything` needs a network besides.
NAMES = {
    "defaults": {},
    "existing buckets": EXISTING_BUCKETS,
    "existing buckets and a table": EXISTING_BUCKETS | {"TableArn": TABLE},
    "everything": {"ExpectedBucketOwner": "none"},
    "everything, existing buckets": EXISTING_BUCKETS | {"ExpectedBucketOwner": "210987654321"},
}


def parameters(network, name):
    """The parameters of a scenario, in a network."""
    needed = {"ImageUri": image("a"), "VpcId": network.vpc, "SubnetIds": ",".join(network.subnets)}
    return needed | (everything(network) if name.startswith("everything") else {}) | NAMES[name]


def everything(network):
    """All that can be asked for besides buckets."""
    return {
        "CreateRepository": "true",
        "TableArn": TABLE,
        "AllowEnablePitr": "true",
        "CreateVpcEndpoints": "true",
        "RouteTableIds": network.route_table,
        "KmsKeyArn": KEY,
        "DataKmsKeyArns": ",".join(DATA_KEYS),
        "MetricsSourceCidr": "10.0.0.0/16",
        "MetricsSourceSecurityGroupId": network.prometheus,
        "DiscoveryNamespace": "backfleet.internal",
        "AlarmTopicArn": TOPIC,
        "AssignPublicIp": "ENABLED",
    }


def make_network():
    """A network with two subnets, and Prometheus' security group in it."""
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    blocks = ("10.0.0.0/24", "10.0.1.0/24")
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=block)["Subnet"]["SubnetId"] for block in blocks]
    route_table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    group = ec2.create_security_group(GroupName="prometheus", Description="Prometheus", VpcId=vpc)["GroupId"]
    return Network(vpc, subnets, route_table, group)
