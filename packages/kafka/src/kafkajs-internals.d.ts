/** What the patch of kafkajs changes; it has no types. */
declare module "kafkajs/src/*" {
  const exported: unknown;
  export default exported;
}
