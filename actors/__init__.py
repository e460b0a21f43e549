"""Who acts: the actor runtime, supervision, and the actors of the kernel."""
