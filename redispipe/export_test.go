package redispipe

// Senders is the number of pipelines under way at once.
const Senders = senders
