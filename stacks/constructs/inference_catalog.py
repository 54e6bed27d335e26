"""The inference log as a table of SQL: Athena finds its days without being told of each."""

from __future__ import annotations

from dataclasses import fields

from aws_cdk import Stack
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from meguru.names import INFERENCE_LOG_PREFIX, inference_database
from meguru.records import Inference
from stacks.environment import Environment

TABLE = "inferences"
# The partition's own column, and the first day that anything can be of.
DAY, FIRST_DAY = "dt", "2024-01-01"
MESSAGE = "struct<role:string,content:string,tool_calls:string,tool_call_id:string>"
# By the names of a record's types; what has another type has no column, and the synthesis ends.
TYPES = {
    "str": "string",
    "int": "bigint",
    "bool": "boolean",
    "list[str]": "array<string>",
    "list[dict[str, Any]]": f"array<{MESSAGE}>",
}


class InferenceCatalog(Construct):
    """A database with one table, partitioned by day."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, bucket: s3.IBucket
    ) -> None:
        super().__init__(scope, construct_id)
        account = Stack.of(self).account
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=inference_database(environment.name)
            ),
        )
        location = f"s3://{bucket.bucket_name}/{INFERENCE_LOG_PREFIX}"
        table = glue.CfnTable(
            self,
            "Table",
            catalog_id=account,
            database_name=inference_database(environment.name),
            table_input=glue.CfnTable.TableInputProperty(
                name=TABLE,
                table_type="EXTERNAL_TABLE",
                partition_keys=[glue.CfnTable.ColumnProperty(name=DAY, type="string")],
                # Source: Athena user guide, "Use partition projection with Amazon Athena".
                parameters={
                    "projection.enabled": "true",
                    f"projection.{DAY}.type": "date",
                    f"projection.{DAY}.format": "yyyy-MM-dd",
                    # A day ahead: the company's date may be one that UTC has not reached.
                    f"projection.{DAY}.range": f"{FIRST_DAY},NOW+1DAYS",
                    "storage.location.template": f"{location}{DAY}=${{{DAY}}}/",
                },
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=location,
                    columns=_columns(),
                    input_format="org.apache.hadoop.mapred.TextInputFormat",
                    output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        # It reads a value of any form into a column of text.
                        serialization_library="org.openx.data.jsonserde.JsonSerDe"
                    ),
                ),
            ),
        )
        table.node.add_dependency(database)


def _columns() -> list[glue.CfnTable.ColumnProperty]:
    """A record's members, and what its line has beside them."""
    types = {field.name: TYPES[str(field.type)] for field in fields(Inference)}
    return [
        glue.CfnTable.ColumnProperty(name=name, type=kind)
        for name, kind in {**types, "model_version": "string"}.items()
    ]
