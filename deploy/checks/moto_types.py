"""Teaches moto's CloudFormation the types it leaves out, or makes by halves, by moto's own services.

moto reads the template, decides conditions and resolves references; moto_makers.py then makes each resource
through the SDK. So the SDK checks names and types of every property, and a check finds real things.
"""

import moto_makers as makers
from moto.cloudformation import parsing


class Made:
    """A resource that was made: its name for `Ref`, its attributes for `GetAtt`."""

    def __init__(self, physical_id, attributes, properties):
        self.physical_resource_id = physical_id
        self.attributes = attributes
        self.properties = properties

    def get_cfn_attribute(self, name):
        return self.attributes[name]

    def is_created(self):
        return True


def pruned(value):
    """Without `AWS::NoValue`, which moto leaves behind as None."""
    if isinstance(value, dict):
        return {name: pruned(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [pruned(part) for part in value if part is not None]
    return value


TYPES = {
    "AWS::SQS::Queue": (makers.Queue, "QueueName"),
    "AWS::SQS::QueuePolicy": (makers.QueuePolicy, ""),
    "AWS::S3::Bucket": (makers.Bucket, "BucketName"),
    "AWS::S3::BucketPolicy": (makers.BucketPolicy, ""),
    "AWS::IAM::Role": (makers.Role, "RoleName"),
    "AWS::ECR::Repository": (makers.Repository, "RepositoryName"),
    "AWS::Logs::LogGroup": (makers.LogGroup, "LogGroupName"),
    "AWS::EC2::SecurityGroup": (makers.SecurityGroup, "GroupName"),
    "AWS::EC2::VPCEndpoint": (makers.VpcEndpoint, ""),
    "AWS::ECS::Cluster": (makers.Cluster, "ClusterName"),
    "AWS::ECS::TaskDefinition": (makers.TaskDefinition, "Family"),
    "AWS::ECS::Service": (makers.Service, "ServiceName"),
    "AWS::ApplicationAutoScaling::ScalableTarget": (makers.ScalableTarget, ""),
    "AWS::ApplicationAutoScaling::ScalingPolicy": (makers.ScalingPolicy, "PolicyName"),
    "AWS::CloudWatch::Alarm": (makers.Alarm, "AlarmName"),
    "AWS::ServiceDiscovery::PrivateDnsNamespace": (makers.Namespace, ""),
    "AWS::ServiceDiscovery::Service": (makers.DiscoveryService, "Name"),
}

# What moto makes well enough by itself.
OWN = {"AWS::EC2::SecurityGroupIngress"}


def _model(type_name, maker, name_property):
    """The class that moto asks for a type."""

    class Model(Made):
        cloudformation_type = staticmethod(lambda: type_name)
        cloudformation_name_type = staticmethod(lambda: name_property)
        has_cfn_attr = classmethod(lambda cls, name: True)

        @classmethod
        def create_from_cloudformation_json(cls, resource_name, cloudformation_json, *_, **__):
            properties = pruned(cloudformation_json["Properties"])
            return cls(*maker.create(resource_name, properties), properties)

        @classmethod
        def update_from_cloudformation_json(cls, original_resource, cloudformation_json, **_):
            properties = pruned(cloudformation_json["Properties"])
            if properties != original_resource.properties:
                maker.update(original_resource, properties)
                original_resource.properties = properties
            return original_resource

        def delete(self, *_):
            maker.delete(self)

    return Model


def _with_dependents(build_resource_diff):
    """moto changes what names a changed parameter; CloudFormation also what refers to what changed."""

    def build(self, other_template, parameters=None):
        actions = build_resource_diff(self, other_template, parameters)
        changed = set(actions["Modify"])
        for name, resource in other_template["Resources"].items():
            if (
                changed & set(parsing.get_references_from_template(resource))
                and name in self._parsed_resources
            ):
                changed.add(name)
        present = [name for name in other_template["Resources"] if name in self._parsed_resources]
        return actions | {"Modify": [name for name in present if name in changed]}

    return build


def teach():
    """Makes moto use the types above; a stack is then made of nothing it would silently leave out."""
    models = {name: _model(name, maker, property_name) for name, (maker, property_name) in TYPES.items()}
    known = dict(parsing.get_model_map())
    parsing.get_model_map = lambda: known | models
    names = dict(parsing.get_name_type_map())
    parsing.get_name_type_map = lambda: names | {name: given for name, (_, given) in TYPES.items()}
    parsing.ResourceMap.build_resource_diff = _with_dependents(parsing.ResourceMap.build_resource_diff)
