/** What the kafkajs patch changes; the library has no types for it. */
declare module "kafkajs/src/*" {
  const exported: unknown;
  export default exported;
}
