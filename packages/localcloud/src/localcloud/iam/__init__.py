"""Who may do what: policies as AWS evaluates them, and the credentials of roles."""
