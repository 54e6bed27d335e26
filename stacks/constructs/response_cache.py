"""The response cache: a table, a serverless Valkey, or one that is there already."""

from __future__ import annotations

from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from meguru.names import cache_server_name
from stacks.constructs.grants import grant_table
from stacks.constructs.records import EXPIRES_AT
from stacks.constructs.table import Table
from stacks.environment import Environment
from stacks.environment.cache import DYNAMODB, MAX_SUBNETS

# Of what a cluster would do anyway: Valkey 8 knows all that is asked here.
MAJOR_VERSION = "8"
# Units of work a second (ElastiCache Processing Units) that are paid for at most: a look-up is one
# or, for each KB, more.
MAX_UNITS_PER_SECOND = 5000


class ResponseCache(Construct):
    """What the environment file asks for; nothing where that is no cache."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        releases: Table,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment, self._releases, self._key = environment, releases, key
        self._settings = environment.api.cache
        self._table = self._create_table() if self._settings.store == DYNAMODB else None
        self._store = self._address()

    def let_use(self, function: lambda_.Function) -> None:
        """Let `function` keep answers there, and know which version they are of."""
        function.add_environment("CACHE_STORE", self._store)
        function.add_environment("CACHE_SECONDS", str(self._settings.seconds))
        function.add_environment("RELEASE_TABLE", self._releases.table_name)
        grant_table(function, self._releases, "GetItem")
        if self._table:
            grant_table(function, self._table, "GetItem", "UpdateItem")

    def _address(self) -> str:
        """Of a table, or of a server; empty where there is no cache."""
        if self._table:
            return f"dynamodb://{self._table.table_name}"
        if not self._settings.makes_server:
            return self._settings.address or ""
        server = self._create_server()
        # Serverless caches are encrypted on their way, always.
        return f"rediss://{server.attr_endpoint_address}:{server.attr_endpoint_port}"

    def _create_table(self) -> Table:
        return Table(
            self,
            "AnswersByCacheKey",
            environment=self._environment,
            key=self._key,
            partition_key="cache_key",
            time_to_live_attribute=EXPIRES_AT,
            kept=False,
        )

    def _create_server(self) -> elasticache.CfnServerlessCache:
        """In the functions' own subnets and security groups, which let each other in."""
        network = self._environment.network
        subnet_ids = network.subnet_ids[:MAX_SUBNETS]
        return elasticache.CfnServerlessCache(
            self,
            "Server",
            engine="valkey",
            major_engine_version=MAJOR_VERSION,
            serverless_cache_name=cache_server_name(self._environment.name, subnet_ids),
            description=f"Answers of the API of {self._environment.name}",
            kms_key_id=self._key.key_arn,
            subnet_ids=subnet_ids,
            security_group_ids=network.security_group_ids,
            cache_usage_limits=elasticache.CfnServerlessCache.CacheUsageLimitsProperty(
                data_storage=elasticache.CfnServerlessCache.DataStorageProperty(
                    unit="GB", maximum=self._settings.max_gigabytes
                ),
                ecpu_per_second=elasticache.CfnServerlessCache.ECPUPerSecondProperty(
                    maximum=MAX_UNITS_PER_SECOND
                ),
            ),
        )
