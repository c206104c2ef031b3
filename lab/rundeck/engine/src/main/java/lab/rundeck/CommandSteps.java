package lab.rundeck;

import com.dtolabs.rundeck.core.common.INodeEntry;
import com.dtolabs.rundeck.core.execution.ExecArgList;
import com.dtolabs.rundeck.core.execution.ExecutionService;
import com.dtolabs.rundeck.core.execution.workflow.StepExecutionContext;
import com.dtolabs.rundeck.core.execution.workflow.steps.node.NodeStepException;
import com.dtolabs.rundeck.core.execution.workflow.steps.node.NodeStepExecutionItem;
import com.dtolabs.rundeck.core.execution.workflow.steps.node.NodeStepResult;
import com.dtolabs.rundeck.core.execution.workflow.steps.node.impl.DefaultScriptFileNodeStepUtils;
import com.dtolabs.rundeck.core.utils.OptsUtil;
import java.util.Map;

/** The built-in `exec` and `script` steps, with the node executor, file copier and tokens of Rundeck. */
final class CommandSteps {
    private CommandSteps() { }

    static void register(Engine engine) {
        ExecutionService execution = engine.framework.getExecutionService();
        var nodeSteps = engine.services.getNodeStepExecutorService().getProviderRegistryService();
        nodeSteps.registerInstance(StepItem.EXEC, (context, item, node) -> exec(execution, context, item, node));
        nodeSteps.registerInstance(StepItem.SCRIPT, (context, item, node) -> script(execution, context, item, node));
    }

    private static NodeStepResult exec(ExecutionService execution, StepExecutionContext context,
                                       NodeStepExecutionItem item, INodeEntry node) {
        String[] command = OptsUtil.burst(Yaml.text(((StepItem) item).yaml, "exec", ""));
        return execution.executeCommand(context,
                ExecArgList.fromStrings(word -> word.toString().contains("${"), command), node);
    }

    private static NodeStepResult script(ExecutionService execution, StepExecutionContext context,
                                         NodeStepExecutionItem item, INodeEntry node) throws NodeStepException {
        Map<String, Object> step = ((StepItem) item).yaml;
        String[] args = OptsUtil.burst(Yaml.text(step, "args", ""));
        return new DefaultScriptFileNodeStepUtils().executeScriptFile(context, node,
                Yaml.text(step, "script", ""), null, null, Yaml.text(step, "fileExtension", null), args,
                Yaml.text(step, "scriptInterpreter", null), Yaml.flag(step, "interpreterArgsQuoted"), execution,
                !"false".equals(Yaml.text(step, "expandTokenInScriptFile", "true")));
    }
}
