"""Stage 1: speech to motion. Streaming encoder, face diffusion model, sampler."""
