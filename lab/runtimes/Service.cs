// A .NET service with a deadlock and a heap that grows to 40,000 orders; it fails after two seconds with "crash".
using System;
using System.Collections.Generic;
using System.Threading;

namespace Lab
{
    public class Order
    {
        public string Id;
        public byte[] Payload;
    }

    public static class Service
    {
        const int Orders = 40000;
        static readonly object accounts = new object();
        static readonly object ledger = new object();
        static readonly List<Order> orders = new List<Order>();

        static void TransferAtoB() { lock (accounts) { Thread.Sleep(300); TakeLedger(); } }
        static void TakeLedger() { lock (ledger) { Console.WriteLine("never"); } }
        static void TransferBtoA() { lock (ledger) { Thread.Sleep(300); TakeAccounts(); } }
        static void TakeAccounts() { lock (accounts) { Console.WriteLine("never"); } }

        static void Grow()
        {
            while (orders.Count < Orders)
            {
                orders.Add(new Order { Id = "order-" + orders.Count, Payload = new byte[1024] });
                if (orders.Count % 1000 == 0) Thread.Sleep(50);
            }
            Console.WriteLine(orders.Count + " orders");
            Thread.Sleep(Timeout.Infinite);
        }

        public static int Main(string[] arguments)
        {
            Console.WriteLine(".NET " + Environment.Version);
            if (arguments.Length > 0 && arguments[0] == "crash")
            {
                Thread.Sleep(2000);
                throw new InvalidOperationException("no connection to the ledger");
            }
            new Thread(TransferAtoB) { Name = "transfer-a-b" }.Start();
            new Thread(TransferBtoA) { Name = "transfer-b-a" }.Start();
            new Thread(Grow) { Name = "grow" }.Start();
            Thread.Sleep(Timeout.Infinite);
            return 0;
        }
    }
}
