/** What the patches of kafkajs change; it has no types. */
declare module "kafkajs/src/*" {
  const exported: unknown;
  export default exported;
}
