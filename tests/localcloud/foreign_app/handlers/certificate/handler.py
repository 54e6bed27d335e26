"""A custom resource's handler under CDK's provider framework."""


def on_event(event, context):
    properties = event["ResourceProperties"]
    number = f"{properties['Shelves']}-{properties['Open']}"
    return {"PhysicalResourceId": "certificate", "Data": {"Number": number}}
