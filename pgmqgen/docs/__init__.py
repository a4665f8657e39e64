"""What a project's queues look like to people and to other tools: AsyncAPI, a site of pages."""
