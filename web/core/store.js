// IndexedDB: the messages, conversations, lists and outbox of one account. Every change is one transaction; whoever is
// promised something waits for its commit.
//
//   messages  {conv, seq, id, name, msg, time}     by conversation and place, see messages.js
//   convs     {conv, name, top, read, unread, last} see model.js
//   outbox    {n, conv, msg, ext, cid, time, failed} n: the order in which they were said
//   lists     {key, value}                         friends, groups, requests, ..., epoch

const VERSION = 1;
/** What is promised to the server or to the user must survive a power failure, too. */
const STRICT = { durability: 'strict' };

const databaseName = (scope) => `stonechat.${scope}`;

export class Store {
  static async open(scope) {
    const request = indexedDB.open(databaseName(scope), VERSION);
    request.onupgradeneeded = () => {
      const db = request.result;
      db.createObjectStore('messages', { keyPath: ['conv', 'seq'] });
      db.createObjectStore('convs', { keyPath: 'conv' });
      db.createObjectStore('outbox', { keyPath: 'n', autoIncrement: true }).createIndex('cid', 'cid', { unique: true });
      db.createObjectStore('lists', { keyPath: 'key' });
    };
    const db = await result(request);
    // Another tab deletes it, at a log out: this one must not be in its way.
    db.onversionchange = () => db.close();
    return new Store(db);
  }

  static remove(scope) {
    return result(indexedDB.deleteDatabase(databaseName(scope)));
  }

  constructor(db) {
    this.db = db;
  }

  /** All but the messages. */
  async load() {
    const tx = this.db.transaction(['convs', 'outbox', 'lists']);
    const [convs, outbox, lists] = await Promise.all(
      ['convs', 'outbox', 'lists'].map((name) => result(tx.objectStore(name).getAll())),
    );
    return { convs, outbox, lists: Object.fromEntries(lists.map(({ key, value }) => [key, value])) };
  }

  /** Puts messages and the conversations' records in one step. */
  putMessages(messages, records) {
    const tx = this.db.transaction(['messages', 'convs'], 'readwrite', STRICT);
    for (const message of messages) tx.objectStore('messages').put(message);
    for (const record of records) tx.objectStore('convs').put(record);
    return committed(tx);
  }

  /** The message or event at a place, or undefined. */
  message(conv, seq) {
    return result(this.db.transaction('messages').objectStore('messages').get([conv, seq]));
  }

  removeMessages(messages) {
    const tx = this.db.transaction('messages', 'readwrite');
    for (const { conv, seq } of messages) tx.objectStore('messages').delete([conv, seq]);
    return committed(tx);
  }

  putConv(record) {
    const tx = this.db.transaction('convs', 'readwrite');
    tx.objectStore('convs').put(record);
    return committed(tx);
  }

  putLists(lists) {
    const tx = this.db.transaction('lists', 'readwrite');
    for (const [key, value] of Object.entries(lists)) tx.objectStore('lists').put({ key, value });
    return committed(tx);
  }

  /**
   * Up to `limit` messages below `before` or above `after`, ascending. It ends at a hole, as messages are numbered without
   * one: what lies beyond must be asked for.
   */
  async page(conv, { before, after, limit }) {
    const [from, to] = after === undefined ? [before - limit - 1, before] : [after, after + limit + 1];
    const range = IDBKeyRange.bound([conv, from], [conv, to], true, true);
    const list = await result(this.db.transaction('messages').objectStore('messages').getAll(range));
    const isHole = ({ seq }, i) => i > 0 && seq !== list[i - 1].seq + 1;
    if (after !== undefined) {
      const end = list.findIndex((message, i) => isHole(message, i) || list[0].seq !== after + 1);
      return end < 0 ? list : list.slice(0, end);
    }
    return list.at(-1)?.seq === before - 1 ? list.slice(Math.max(0, list.findLastIndex(isHole))) : [];
  }

  /** What is stored from `from` to `to`, both included. */
  async between(conv, from, to) {
    if (from > to) return [];
    return result(this.db.transaction('messages').objectStore('messages').getAll(IDBKeyRange.bound([conv, from], [conv, to])));
  }

  /** Adds a message that was said; gives it its place `n`. One that is there already keeps its own. */
  async addOutgoing(item) {
    const tx = this.db.transaction('outbox', 'readwrite', STRICT);
    const outbox = tx.objectStore('outbox');
    const there = await result(outbox.index('cid').get(item.cid));
    const n = there ? there.n : await result(outbox.add(item));
    await committed(tx);
    return there ?? { ...item, n };
  }

  /** Puts a message at the end of the outbox once more. */
  async requeue(item) {
    const { n: _, failed: __, ...fresh } = item;
    const tx = this.db.transaction('outbox', 'readwrite', STRICT);
    tx.objectStore('outbox').delete(item.n);
    const n = await result(tx.objectStore('outbox').add(fresh));
    await committed(tx);
    return { ...fresh, n };
  }

  putOutgoing(item) {
    const tx = this.db.transaction('outbox', 'readwrite');
    tx.objectStore('outbox').put(item);
    return committed(tx);
  }

  removeOutgoing(item) {
    const tx = this.db.transaction('outbox', 'readwrite');
    tx.objectStore('outbox').delete(item.n);
    return committed(tx);
  }

  /** A message of the outbox is stored at the server: it becomes one of the conversation. */
  acknowledge(item, message, record) {
    const tx = this.db.transaction(['outbox', 'messages', 'convs'], 'readwrite');
    tx.objectStore('outbox').delete(item.n);
    tx.objectStore('messages').put(message);
    tx.objectStore('convs').put(record);
    return committed(tx);
  }

  /** Forgets a conversation's messages. */
  removeConv(conv) {
    const tx = this.db.transaction(['messages', 'convs'], 'readwrite');
    tx.objectStore('messages').delete(IDBKeyRange.bound([conv, 0], [conv, Infinity]));
    tx.objectStore('convs').delete(conv);
    return committed(tx);
  }

  /** Forgets all messages and what was counted; the outbox stays. `records` are the conversations as they begin anew. */
  startAnew(records, epoch) {
    const tx = this.db.transaction(['messages', 'convs', 'lists'], 'readwrite');
    tx.objectStore('messages').clear();
    tx.objectStore('convs').clear();
    for (const record of records) tx.objectStore('convs').put(record);
    tx.objectStore('lists').put({ key: 'epoch', value: epoch });
    return committed(tx);
  }

  close() {
    this.db.close();
  }
}

function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function committed(tx) {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onerror = tx.onabort = () => reject(tx.error);
  });
}
