/**
 * What happens to sessions, step by step, with the rule behind each step.
 *
 * @module
 */
export { clientStep } from "./client_steps.ts";
export { tracingStore } from "./tracing_store.ts";
