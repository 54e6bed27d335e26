"""What moto keeps in process, and what AWS promises of it beyond moto."""
