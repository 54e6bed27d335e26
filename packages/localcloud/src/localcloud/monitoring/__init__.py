"""CloudWatch: metrics, alarms that act, embedded metrics in logs, dashboards as recorded."""
