"""EventBridge, Scheduler, and the services that carry events: S3 notifications, SNS, Firehose."""
