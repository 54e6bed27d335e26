"""A bookshop: an ordinary serverless CDK app that knows nothing of where it runs."""

from __future__ import annotations

import os
from pathlib import Path

import aws_cdk as cdk
from api import BookApi
from catalogue import Catalogue
from constructs import Construct
from covers import Covers
from helpdesk import HelpDesk
from orders import Orders

HANDLERS = Path(__file__).parent / "handlers"


class DataStack(cdk.Stack):
    """What outlives a release: the tables, the bucket and its notifications."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.catalogue = Catalogue(self, "Catalogue", handlers=HANDLERS)
        self.covers = Covers(self, "Covers", handlers=HANDLERS)


class ShopStack(cdk.Stack):
    """What is released often: orders and the API."""

    def __init__(self, scope: Construct, construct_id: str, *, data: DataStack) -> None:
        super().__init__(scope, construct_id)
        Orders(self, "Orders", handlers=HANDLERS)
        HelpDesk(self, "HelpDesk")
        BookApi(self, "Api", handlers=HANDLERS, books=data.catalogue.books)


def build(outdir: str | None = None) -> cdk.App:
    """The app, synthesized into `outdir` by its `synth()`."""
    app = cdk.App(outdir=outdir)
    data = DataStack(app, "BookshopData")
    ShopStack(app, "BookshopShop", data=data)
    return app


if __name__ == "__main__":
    build(os.environ.get("CDK_OUTDIR")).synth()
