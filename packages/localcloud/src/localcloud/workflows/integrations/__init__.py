"""What a Task calls: optimized integrations, AWS SDK integrations, functions, jobs."""
