#!/bin/sh
# Deploys an environment as it stands in this checkout, and lets each model look whether there is
# something new to train on. Run by the workflow or the pipeline that follows the repository.
set -eu
cd "$(dirname "$0")/.."
[ $# -eq 1 ] || { echo "usage: $0 ENVIRONMENT_FILE" >&2; exit 2; }
# The account and the registry of the images' base.
registry=763104351884.dkr.ecr.us-west-2.amazonaws.com
outputs=$(mktemp)
trap 'rm -f "$outputs"' EXIT

make setup
.venv/bin/aws ecr get-login-password --region us-west-2 | docker login --username AWS --password-stdin "$registry"
npx --yes aws-cdk@2.1148.1 deploy --all --require-approval never --outputs-file "$outputs" \
  --app ".venv/bin/python app.py $1"
.venv/bin/meguru source look "$outputs"
