import type { Counter } from "./counter.ts";
import type { EventType } from "./event-type.ts";
import type { Rule } from "./rule.ts";
import { RulesError } from "./rules-error.ts";

/** All rules of a coordinator, and the events they know. */
export class RuleBook {
  readonly #rules = new Map<string, Rule>();
  readonly #types = new Map<string, EventType<unknown>>();
  readonly #begunBy = new Map<string, Rule[]>();

  /** Throws `bad-declaration` for a rule or event type that is declared twice. */
  constructor(rules: readonly Rule[], counters: readonly Counter[] = []) {
    for (const { on, name } of counters) this.#addType(on, name);
    for (const rule of rules) {
      if (this.#rules.has(rule.name))
        throw new RulesError("bad-declaration", `rule ${rule.name} is there twice: rename one`);
      this.#rules.set(rule.name, rule);
      for (const type of rule.waits.values()) this.#addType(type, rule.name);
      this.#begunBy.set(rule.on.name, [...(this.#begunBy.get(rule.on.name) ?? []), rule]);
    }
  }

  rule(name: string): Rule | undefined {
    return this.#rules.get(name);
  }

  /** Undefined for a type that no rule knows. */
  eventType(name: string): EventType<unknown> | undefined {
    return this.#types.get(name);
  }

  /** Rules that an event of that type begins. */
  begunBy(type: string): readonly Rule[] {
    return this.#begunBy.get(type) ?? [];
  }

  #addType(type: EventType<unknown>, name: string): void {
    const known = this.#types.get(type.name) ?? type;
    if (known !== type)
      throw new RulesError(
        "bad-declaration",
        `event type ${type.name} of ${name} is declared elsewhere too: import the one declaration`,
      );
    this.#types.set(type.name, type);
  }
}
